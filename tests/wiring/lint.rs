//! `hopgate lint-envoy` on what the control planes make of `k8s/`: ours is clean, and what lets calls past is named.

use hopgate::lint::{self, Input, Options, Severity};

/// The worse findings on the dump, by their rules.
fn findings(name: &str) -> Vec<&'static str> {
    let file = format!("tests/wiring/xds/{name}.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let report = lint::lint(&[Input { name: file, text }], &Options::default());
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
