//! What can't be read is never taken for clean.

use hopgate::lint::{self, Input, Options};
use serde_json::json;

use super::sample::{AUTHZ, Base, lint, lint_text};

/// The one fault of `text`, as it is shown.
fn fault(text: &str) -> String {
    let report = lint_text(text, &Options::default());
    let shown: Vec<_> = report.faults.iter().map(ToString::to_string).collect();
    shown.join("\n")
}

#[test]
fn what_is_no_configuration_of_an_envoy_is_a_fault() {
    for (text, said) in [
        ("", "envoy.yaml: fault: the file is empty"),
        ("---\n", "envoy.yaml: fault: the file is empty"),
        ("- :\n  - [", "neither JSON nor YAML that can be read"),
        ("{\"static_resources\": ", "neither JSON nor YAML that can be read"),
        (
            "hello",
            "found `hello`, expected an Envoy bootstrap, a config dump, resources of Envoy, of Istio or of Envoy Gateway",
        ),
        ("listen: unix:/run/hopgate/check.sock", "found a mapping, expected an Envoy bootstrap"),
        ("[1, 2]", "found a list that is none of resources"),
        (
            "{\"@type\": \"type.googleapis.com/envoy.config.ratelimit.v3.RateLimitServiceConfig\"}",
            "found `envoy.config.ratelimit",
        ),
        ("apiVersion: apps/v1\nkind: Deployment", "nor an object that has a say"),
        ("apiVersion: example.com/v1\nkind: Deployment", "found `Deployment` of `example.com/v1`"),
        ("apiVersion: v1\nkind: List\nitems: [{ apiVersion: example.com/v1, kind: Thing }]", "found `List` of `v1`"),
        ("static_resources: {}", "no HTTP connection manager is in it"),
        ("static_resources: []", "static_resources: found a list, expected a mapping"),
        ("admin: {}\nadmin: {}", "admin"),
        ("{\"admin\": 1, \"admin\": 2}", "`admin` is there twice"),
    ] {
        let found = fault(text);
        assert!(found.contains(said), "{text:?}: {found}");
    }
}

#[test]
fn a_member_named_twice_is_a_fault_since_readers_differ_on_which_counts() {
    let twice = Base::Sidecar.text().replace(
        "failure_mode_allow: false                       # 5",
        "failure_mode_allow: false\n                      failure_mode_allow: true",
    );
    assert!(fault(&twice).contains("failure_mode_allow"), "{}", fault(&twice));
    let both = Base::Sidecar.text().replace(
        "failure_mode_allow: false                       # 5",
        "failure_mode_allow: false\n                      failureModeAllow: true",
    );
    assert!(fault(&both).contains("both `failure_mode_allow` and `failureModeAllow` are there"), "{}", fault(&both));
}

#[test]
fn a_value_of_another_shape_is_a_fault_with_its_path() {
    for (field, value, said) in [
        (
            "failure_mode_allow",
            json!("maybe"),
            "typed_config.failure_mode_allow: found `maybe`, expected true or false",
        ),
        ("grpc_service", json!([]), "typed_config.grpc_service: found a list, expected a mapping"),
        ("transport_api_version", json!("V4"), "found `V4`, expected one of AUTO, V2, V3"),
        ("status_on_error", json!({ "code": true }), "found `true`, expected a name or a number"),
        ("with_request_body", json!({ "max_request_bytes": -1 }), "found `-1`, expected a whole number"),
    ] {
        let mut config = Base::Sidecar.value();
        config.pointer_mut(AUTHZ).unwrap()[field] = value;
        let faults: Vec<_> = lint(&config).faults.iter().map(ToString::to_string).collect();
        assert!(faults.iter().any(|fault| fault.contains(said)), "{field}: {faults:?}");
    }
}

#[test]
fn each_file_must_have_a_part_in_it() {
    let input = |name: &str, text: &str| Input { name: name.to_owned(), text: text.to_owned() };
    let stray = "virtual_hosts: []\nname: nobodys";
    let report = lint::lint(&[input("a.yaml", &Base::Sidecar.text()), input("b.yaml", stray)], &Options::default());
    let faults: Vec<_> = report.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            "b.yaml: fault: no HTTP connection manager is in it, nor routes or clusters of one in another file, nor an object that has a say"
        ]
    );
}
