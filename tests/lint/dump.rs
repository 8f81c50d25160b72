//! Config dumps of running Envoys.

use hopgate::lint::{Options, Severity};
use serde_json::{Value, json};
use testbed::SocketDir;
use testbed::envoy::{Config, Envoy, ExtAuthz, Listener, RequestBody, Route, Upstream};

use super::sample::{findings, lint, lint_text};

fn config(sockets: &SocketDir, failure_mode_allow: bool) -> Config {
    let filter = ExtAuthz {
        failure_mode_allow,
        request_body: Some(RequestBody::default()),
        ..ExtAuthz::at(sockets.path("check"))
    };
    let to = Upstream::at(([127, 0, 0, 1], 1));
    let inbound = Listener { authorization: filter.into(), routes: vec![Route::to(to)], ..Listener::new("inbound") };
    Config::new("invoices").listener(inbound)
}

fn dump(config: &Config) -> String {
    let envoy = Envoy::start(config).expect("an Envoy");
    envoy.ask_admin("/config_dump").expect("a dump")
}

#[test]
fn a_clean_envoy_is_clean_in_its_dump() {
    let sockets = SocketDir::new().unwrap();
    let report = lint_text(&dump(&config(&sockets, false)), &Options::default());
    assert_eq!(findings(&report), Vec::<String>::new());
    assert_eq!(report.managers, 1, "the bootstrap in the dump is no second Envoy");
}

#[test]
fn an_envoy_that_lets_calls_pass_is_found_in_its_dump() {
    let sockets = SocketDir::new().unwrap();
    let text = dump(&config(&sockets, true));
    let [found] = findings(&lint_text(&text, &Options::default())).try_into().unwrap();
    let (rule, path) = found.split_once(' ').unwrap();
    assert_eq!(rule, "failure-mode-allow");
    let mut at: &Value = &serde_json::from_str(&text).unwrap();
    for part in path.replace(']', "").split(['.', '[']) {
        at = part.parse::<usize>().map_or_else(|_| &at[part], |index| &at[index]);
    }
    assert_eq!(*at, true, "the path leads there: {path}");
}

/// Listeners and routes that came from a file that Envoy watches, as from a control plane.
#[test]
fn what_came_from_a_control_plane_is_found_in_the_dump() {
    let sockets = SocketDir::new().unwrap();
    let mut whole = config(&sockets, true).to_json();
    let resources = whole["static_resources"].as_object_mut().unwrap();
    let mut listeners = resources.remove("listeners").unwrap();
    let manager = listeners.pointer_mut("/0/filter_chains/0/filters/0/typed_config").unwrap();
    let mut routes = manager.as_object_mut().unwrap().remove("route_config").unwrap();
    routes["name"] = "from-elsewhere".into();
    let file = |name: &str, kind: &str, mut resource: Value| {
        resource["@type"] = format!("type.googleapis.com/envoy.config.{kind}").into();
        let path = sockets.root().join(name);
        std::fs::write(&path, json!({ "resources": [resource] }).to_string()).unwrap();
        json!({ "path_config_source": { "path": path }, "resource_api_version": "V3" })
    };
    let source = file("routes.json", "route.v3.RouteConfiguration", routes);
    manager["rds"] = json!({ "route_config_name": "from-elsewhere", "config_source": source });
    let listener = listeners[0].take();
    whole["dynamic_resources"] = json!({ "lds_config": file("listeners.json", "listener.v3.Listener", listener) });

    let faults: Vec<_> = lint(&whole).faults.into_iter().map(|fault| fault.message).collect();
    let [nothing] = faults.try_into().unwrap();
    assert!(nothing.starts_with("no HTTP connection manager is in it"), "the bootstrap alone says nothing: {nothing}");

    let text = Envoy::start_bootstrap("dynamic", &whole, 1).unwrap().ask_admin("/config_dump").unwrap();
    let report = lint_text(&text, &Options::default());
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule.id()).collect();
    assert_eq!(rules, ["failure-mode-allow"], "{:#?}", report.findings);
    assert!(report.findings[0].path.contains(".active_state.listener."), "{:#?}", report.findings);
    assert_eq!(report.count(Severity::Error), 1);
}
