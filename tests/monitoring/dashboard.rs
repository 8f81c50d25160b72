//! The dashboard is one that Grafana takes, and shows what there is and nothing else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use super::promtool;
use super::scrape::{Scrape, named};
use crate::support::Plan;

/// Every expression chooses by the variables.
const CHOSEN: &str = r#"namespace=~"$namespace", pod=~"$pod""#;

fn dashboard() -> Value {
    let text = fs::read_to_string("k8s/monitoring/dashboard.json").expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().expect("panels")
}

/// Each target with its panel's title.
fn targets(dashboard: &Value) -> Vec<(&str, &Value)> {
    let with_title = |panel: &'_ Value| panel["type"] != "row";
    panels(dashboard)
        .iter()
        .filter(|panel| with_title(panel))
        .flat_map(|panel| panel["targets"].as_array().expect("targets").iter().map(|t| (title(panel), t)))
        .collect()
}

fn title(panel: &Value) -> &str {
    panel["title"].as_str().expect("a title")
}

fn expression(target: &Value) -> &str {
    target["expr"].as_str().expect("an expression")
}

/// As Grafana sends it where everything is chosen.
fn filled(expression: &str) -> String {
    let pairs = [("$namespace", ".*"), ("$pod", ".*"), ("$__rate_interval", "1m"), ("$__range", "5m")];
    let filled = pairs.into_iter().fold(expression.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains('$'), "{filled}: a variable that there is not");
    filled
}

#[test]
fn it_is_what_grafanas_own_types_take() {
    let good = dashboard();
    assert_eq!(testbed::grafana::faults(&format!("{good:#}")).expect("the types"), [""; 0]);
    for (pointer, value) in [
        ("/panels/1/gridPos/w", json!("12")),
        ("/panels/1/fieldConfig/defaults/unitt", json!("s")),
        ("/panels/1/datasource", json!("prometheus")),
        ("/templating/list/1/type", json!("querry")),
    ] {
        let mut spoiled = good.clone();
        crate::support::plan::set(&mut spoiled, pointer, value);
        let said = testbed::grafana::faults(&format!("{spoiled:#}")).expect("the types");
        assert_eq!(said.len(), 1, "{pointer}: {said:#?}");
    }
}

#[test]
fn panels_have_their_own_id_and_place_and_say_what_they_show() {
    let dashboard = dashboard();
    let (mut ids, mut titles, mut taken) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{}: its id is another's", title(panel));
        assert!(titles.insert(title(panel)), "{} is there twice", title(panel));
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|name| panel["gridPos"][name].as_u64().expect("a place"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{}", title(panel));
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |row| (column, row))) {
            assert!(taken.insert(cell), "{} covers another at {cell:?}", title(panel));
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(["timeseries", "stat", "table"].contains(&panel["type"].as_str().unwrap()), "{}", title(panel));
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{}", title(panel));
        let targets = panel["targets"].as_array().expect("targets");
        let refs: BTreeSet<_> = targets.iter().map(|target| target["refId"].as_str().expect("a refId")).collect();
        assert!(!refs.is_empty() && refs.len() == targets.len(), "{}", title(panel));
    }
    assert!(targets(&dashboard).len() > 20, "every panel has a target");
}

#[test]
fn source_namespace_and_pod_are_chosen_by_variables() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["datasource", "namespace", "pod"]);
    assert_eq!(variables[0]["type"], "datasource");
    for variable in &variables[1..] {
        // Also pods whose scraping gives no such label.
        assert_eq!(variable["allValue"], ".*", "{variable}");
        assert_eq!(variable["datasource"]["uid"], "${datasource}", "{variable}");
    }
    let sourced = panels(&dashboard).iter().filter(|panel| panel["type"] != "row");
    for (name, part) in sourced.map(|panel| (title(panel), panel)).chain(targets(&dashboard)) {
        assert_eq!(part["datasource"], json!({ "type": "prometheus", "uid": "${datasource}" }), "{name}");
    }
    for (name, target) in targets(&dashboard) {
        let expression = expression(target);
        let selectors = expression.matches("hopgate_").count();
        assert_eq!(expression.matches(CHOSEN).count(), selectors, "{name}: {expression} is of all pods");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_every_metric_and_names_nothing_that_there_is_not() {
    let (dashboard, scrape) = (dashboard(), Scrape::of(&Plan::new().start()));
    let shown: BTreeSet<_> =
        targets(&dashboard).into_iter().flat_map(|(_, target)| named(expression(target))).collect();
    assert_eq!(shown, scrape.metrics());
    for (name, target) in targets(&dashboard) {
        let legend = target["legendFormat"].as_str().expect("a legend");
        assert_eq!(scrape.unknown(expression(target), legend), [""; 0], "{name}");
    }
    for variable in &dashboard["templating"]["list"].as_array().unwrap()[1..] {
        assert_eq!(scrape.unknown(variable["query"]["query"].as_str().expect("a query"), ""), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_something_of_a_busy_hopgate() {
    let (dashboard, scrape) = (dashboard(), Scrape::of(&Plan::new().start()));
    let something = json!([{ "labels": "{}", "value": 1 }]);
    let expected: Vec<_> = targets(&dashboard)
        .into_iter()
        .map(|(_, target)| (format!("group({})", filled(expression(target))), something.clone()))
        .collect();
    let none = json!({ "groups": [] });
    promtool::expressions(&none, &scrape.busy(), &expected).unwrap();
    // That promtool would say so.
    let nothing = [("group(hopgate_nothing)".to_owned(), something)];
    promtool::expressions(&none, &scrape.busy(), &nothing).unwrap_err();
}
