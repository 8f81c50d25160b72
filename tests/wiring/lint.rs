//! `hopgate lint-envoy` on what the control planes make of `k8s/`: ours is clean, and what lets calls past is named.

use hopgate::lint::{self, Input, Options, Severity};
use serde_json::Value;

use super::dump::walk;

/// The worse findings on the dump, by their rules.
fn findings(name: &str) -> Vec<&'static str> {
    findings_without(name, &[])
}

/// The same without filters of these types.
fn findings_without(name: &str, kinds: &[&str]) -> Vec<&'static str> {
    let file = format!("tests/wiring/xds/{name}.json");
    let mut dump: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let taken_out = |filter: &Value| {
        let kind = filter["typedConfig"]["@type"].as_str().unwrap_or_default();
        kinds.iter().any(|wanted| kind.ends_with(wanted)) && filter["typedConfig"].get("rules").is_some()
    };
    walk(&mut dump, &|fields| {
        for list in ["filters", "httpFilters"] {
            if let Some(Value::Array(filters)) = fields.get_mut(list) {
                filters.retain(|filter| !taken_out(filter));
            }
        }
    });
    let report = lint::lint(&[Input { name: file, text: dump.to_string() }], &Options::default());
    assert!(report.faults.is_empty() && report.managers > 0, "{name}: {:?}", report.faults);
    let worse = report.findings.iter().filter(|finding| finding.rule.severity() > Severity::Note);
    worse.map(|finding| finding.rule.id()).collect()
}

#[test]
fn what_becomes_of_our_files_is_clean() {
    for name in [
        "istio-sidecar",
        "istio-shared",
        "istio-gateway",
        "istio-gateway-injected",
        "envoy-gateway-sidecar",
        "envoy-gateway-shared",
    ] {
        assert_eq!(findings(name), [""; 0], "{name}");
    }
}

#[test]
fn a_proxy_that_does_not_ask_is_named_though_a_guard_refuses_its_calls() {
    // Of its port, and of ports that no Service leads to.
    assert_eq!(findings("istio-guard-alone"), ["authz-missing", "authz-missing"]);
    assert_eq!(findings("envoy-gateway-overridden"), ["authz-missing"]);
}

/// What is not asked about: other ports, and with a CUSTOM policy whatever its rules leave out.
#[test]
fn without_its_guard_a_sidecar_lets_calls_past() {
    let kinds = ["http.rbac.v3.RBAC", "network.rbac.v3.RBAC"];
    assert_eq!(findings_without("istio-sidecar", &kinds), ["tcp-unchecked"]);
    assert_eq!(findings_without("istio-shared", &kinds), ["tcp-unchecked", "authz-switchable", "authz-switchable"]);
}
