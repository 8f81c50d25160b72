//! Every alarm fires when it should and is silent when all is well, by promtool's own word.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::promtool;
use super::scrape::{Scrape, named};
use crate::support::plan::replace_file;
use crate::support::{Plan, raw};

const FOLDER: &str = "k8s/monitoring";

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(Path::new(FOLDER).join(file)).expect(file)).expect("YAML")
}

fn rules(file: &Value) -> &[Value] {
    file["groups"][0]["rules"].as_array().expect("rules")
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

#[test]
fn promtool_finds_no_fault_and_its_tests_pass() {
    let folder = Path::new(FOLDER);
    promtool::run(folder, &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"]).unwrap();
    promtool::run(folder, &["test", "rules", "alerts_test.yaml"]).unwrap();
}

#[test]
fn of_every_alarm_a_test_sees_that_it_never_fires_or_always_does() {
    let tests = yaml("alerts_test.yaml");
    for expression in ["vector(1) < 0", "vector(1)"] {
        let mut broken = yaml("alerts.yaml");
        for rule in broken["groups"][0]["rules"].as_array_mut().expect("rules") {
            rule["expr"] = json!(expression);
        }
        let files = [("alerts.yaml", &broken), ("alerts_test.yaml", &tests)];
        let said = promtool::about(&files, &["test", "rules", "alerts_test.yaml"]).unwrap_err();
        for rule in rules(&broken) {
            let name = text(rule, "/alert");
            assert!(said.contains(name), "no test sees that {name} is `{expression}`:\n{said}");
        }
    }
}

#[test]
fn every_alarm_says_how_bad_it_is_what_to_do_and_where_to_read_on() {
    let file = yaml("alerts.yaml");
    let page = fs::read_to_string("docs/operations.md").expect("the page");
    let mut names = BTreeSet::new();
    for rule in rules(&file) {
        let name = text(rule, "/alert");
        assert!(names.insert(name), "{name} is there twice");
        assert!(["critical", "warning"].contains(&text(rule, "/labels/severity")), "{name}");
        assert!(text(rule, "/annotations/summary").starts_with("{{ $labels.pod }}: "), "{name} does not say which pod");
        assert!(text(rule, "/annotations/description").len() > 80, "{name}");
        let runbook = text(rule, "/annotations/runbook").strip_prefix("docs/operations.md, ").expect("the page");
        let heading = format!("\n## {}\n", runbook.trim_matches('"'));
        assert!(page.contains(&heading), "{name} leads to {runbook}, which is no heading");
    }
}

#[test]
fn alarms_are_those_that_the_page_calls_worth_one() {
    let page = fs::read_to_string("docs/operations.md").expect("the page");
    let (_, worth) = page.split_once("\nWorth an alarm: ").expect("the paragraph");
    let worth = worth.split("\n\n").next().unwrap_or_default();
    let file = yaml("alerts.yaml");
    let watched: BTreeSet<_> = rules(&file).iter().flat_map(|rule| named(text(rule, "/expr"))).collect();
    assert_eq!(watched, named(worth));
    for rule in rules(&file) {
        let name = text(rule, "/alert");
        assert!(worth.contains(&format!("`{name}`")), "the paragraph does not name {name}");
    }
}

/// The alarms that fire when a pod went from one scrape to the other; promtool says where that is not so.
fn fire(before: &Scrape, after: &Scrape, alarms: &[&str]) -> Result<(), String> {
    let expected: Vec<_> = alarms
        .iter()
        .map(|name| json!({ "labels": format!("{{alertname=\"{name}\",namespace=\"shop\",pod=\"a\"}}"), "value": 1 }))
        .collect();
    let firing = "count by (alertname, namespace, pod) (ALERTS{alertstate=\"firing\"})".to_owned();
    promtool::expressions(&yaml("alerts.yaml"), &before.then(after), &[(firing, json!(expected))])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopgate_that_is_well_alarms_nobody_and_one_that_is_not_does() {
    let gate = Plan::new().start();
    for path in ["/open", "/invoices", "/nowhere", "//"] {
        gate.get(path, &gate.token()).await;
        gate.get(path, "no token").await;
    }
    let well = Scrape::of(&gate);
    fire(&well, &well, &[]).unwrap();

    raw::ask(gate.channel(), vec![0xff; 100]).await;
    replace_file(&gate.plan.file(), "listen: [");
    gate.until_metric("hopgate_config_current", 0.0).await;
    let sick = Scrape::of(&gate);
    fire(&well, &sick, &["HopgateConfigurationNotInForce", "HopgateInternalError"]).unwrap();
    fire(&well, &sick, &[]).unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_name_only_metrics_labels_and_values_that_there_are() {
    let scrape = Scrape::of(&Plan::new().start());
    for rule in rules(&yaml("alerts.yaml")) {
        let shown = text(rule, "/annotations/summary");
        assert_eq!(scrape.unknown(text(rule, "/expr"), shown), [""; 0], "{}", text(rule, "/alert"));
    }
    for wrong in [
        "hopgate_decision_total",
        r#"hopgate_decisions_total{reason="internal_eror"}"#,
        r#"hopgate_decisions_total{outcome="deny"}"#,
        "sum by (issuer) (hopgate_config_current)",
    ] {
        assert_eq!(scrape.unknown(wrong, "").len(), 1, "{wrong}");
    }
}
