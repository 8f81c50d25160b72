//! What we hand out has nothing that a rule is about.

use hopgate::lint::{Options, Severity};
use testbed::SocketDir;
use testbed::envoy::{Config, ExtAuthz, Listener, RequestBody, Route, Upstream};

use super::sample::{Base, Files, findings, lint, lint_text, lint_with};

#[test]
fn our_samples_are_clean() {
    for (base, notes) in [(Base::Sidecar, vec![]), (Base::Gateway, vec!["client-certificate-not-asked"])] {
        let report = lint_text(&base.text(), &Options::default());
        assert!(report.faults.is_empty(), "{base:?}: {:?}", report.faults);
        assert!(report.managers > 0);
        let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule.id()).collect();
        assert_eq!(rules, notes, "{base:?}: {:#?}", report.findings);
    }
}

#[test]
fn every_file_of_the_folder_is_clean() {
    for entry in std::fs::read_dir("k8s/envoy").unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let report = lint_text(&text, &Options::default());
        assert!(report.faults.is_empty(), "{}: {:?}", file.display(), report.faults);
        let worse = report.findings.iter().filter(|finding| finding.rule.severity() > Severity::Note);
        assert_eq!(worse.count(), 0, "{}: {:#?}", file.display(), report.findings);
    }
}

#[test]
fn envoy_takes_our_samples() {
    let files = Files::new();
    for base in [Base::Sidecar, Base::Gateway] {
        assert_eq!(files.envoy_refuses(&base.text()), None, "{base:?}");
    }
}

#[test]
fn the_mesh_of_the_tests_is_clean_and_its_way_out_is_noted() {
    let sockets = SocketDir::new().unwrap();
    let filter = ExtAuthz { request_body: Some(RequestBody::default()), ..ExtAuthz::at(sockets.path("check")) };
    let upstream = || Upstream::at(([127, 0, 0, 1], 1));
    let inbound =
        Listener { authorization: filter.into(), routes: vec![Route::to(upstream())], ..Listener::new("inbound") };
    let config = Config::new("invoices").listener(inbound).listener(Listener::egress("egress", upstream()));
    let found = findings(&lint(&config.to_json()));
    let [egress] = found.try_into().unwrap();
    assert!(egress.starts_with("authz-missing-on-loopback static_resources.listeners[1]."), "{egress}");
}

#[test]
fn a_listener_may_be_meant_to_be_reached_without_hopgate() {
    let mut config =
        Config::new("probes").listener(Listener::egress("probes", Upstream::at(([127, 0, 0, 1], 1)))).to_json();
    config["static_resources"]["listeners"][0]["address"]["socket_address"]["address"] = "0.0.0.0".into();
    let report = lint(&config);
    assert_eq!(report.count(Severity::Error), 1, "{:#?}", report.findings);
    let report = lint_with(&config, &Options { unchecked: vec!["probes".to_owned()], ..Options::default() });
    let [finding] = report.findings.try_into().unwrap();
    assert_eq!(finding.rule.id(), "listener-unchecked");
}
