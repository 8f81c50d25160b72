//! Objects of Istio and Envoy Gateway: ours are clean, and the rules of Envoy's own configuration hold for what becomes one.

use hopgate::lint::{self, Input, Options};
use serde_json::{Value, json};

use super::change::pointer;
use super::sample::{Base, lint};
use crate::support::plan::set;

const BASES: [Base; 4] = [Base::Istio, Base::IstioShared, Base::EnvoyGateway, Base::EnvoyGatewayShared];

#[test]
fn our_objects_are_clean_as_one_list_and_as_files() {
    for base in BASES {
        let report = lint(&base.value());
        assert!(report.faults.is_empty() && report.findings.is_empty(), "{base:?}: {report:#?}");
        let read = |name: &&str| {
            let name = format!("k8s/{name}.yaml");
            Input { text: std::fs::read_to_string(&name).unwrap(), name }
        };
        let inputs: Vec<_> = base.files().iter().map(read).collect();
        let report = lint::lint(&inputs, &Options::default());
        assert!(report.faults.is_empty() && report.findings.is_empty(), "{base:?}: {report:#?}");
        assert!(report.objects > 2 && report.managers == 0, "{base:?}: {report:#?}");
    }
}

/// The rules that are broken where `to` stands at `field` of the object.
fn broken(base: Base, of: (&str, &str), field: &str, to: Value) -> Vec<&'static str> {
    let mut value = base.value();
    set(&mut value, &pointer(base, of, field), to);
    let report = lint(&value);
    assert!(report.faults.is_empty(), "{field}: {:?}", report.faults);
    report.findings.iter().map(|finding| finding.rule.id()).collect()
}

#[test]
fn what_istio_is_told_of_the_filter_is_held_to_the_rules_of_the_filter() {
    let mesh = ("IstioOperator", "");
    let provider = |field: &str| format!("meshConfig/extensionProviders/0/envoyExtAuthzGrpc/{field}");
    let http = json!({ "name": "hopgate", "envoyExtAuthzHttp": { "service": "hopgate", "port": 80 } });
    let in_provider = [
        ("failOpen", json!(true), "failure-mode-allow"),
        ("timeout", Value::Null, "timeout-long"),
        ("timeout", json!("0s"), "timeout-none"),
        ("timeout", json!("0.1s"), "timeout-short"),
        ("statusOnError", Value::Null, "status-on-error-unset"),
        ("statusOnError", json!("200"), "status-on-error-success"),
        ("includeRequestBodyInCheck/packAsBytes", json!(false), "body-as-text"),
        ("includeRequestBodyInCheck/allowPartialMessage", json!(true), "partial-body"),
        ("includeRequestBodyInCheck/maxRequestBytes", json!(100_000), "body-limit-large"),
    ];
    for (field, to, rule) in in_provider {
        assert_eq!(broken(Base::IstioShared, mesh, &provider(field), to), [rule], "{field}");
    }
    assert_eq!(broken(Base::IstioShared, mesh, "meshConfig/extensionProviders/0", http), ["http-service"]);
    for (normalization, rule) in [
        ("NONE", "path-not-normalized"),
        ("BASE", "slashes-not-merged"),
        ("DECODE_AND_MERGE_SLASHES", "escaped-slashes"),
    ] {
        let field = "meshConfig/pathNormalization/normalization";
        assert_eq!(broken(Base::IstioShared, mesh, field, json!(normalization)), [rule], "{normalization}");
    }
}

#[test]
fn patches_of_istio_are_held_to_the_rules_of_what_they_patch() {
    let filter = ("EnvoyFilter", "hopgate");
    let whole = [
        ("2/patch/value/typed_config/failure_mode_allow", json!(true), vec!["failure-mode-allow"]),
        ("2/patch/value/typed_config/encode_raw_headers", json!(false), vec!["raw-headers-off"]),
        ("2/patch/value/typed_config/grpc_service/timeout", Value::Null, vec!["timeout-unset"]),
        ("2/patch/value/typed_config/with_request_body/pack_as_bytes", json!(false), vec!["body-as-text"]),
        ("2/patch/value/typed_config/grpc_service/envoy_grpc/cluster_name", json!("nobody"), vec!["cluster-missing"]),
        ("2/patch/operation", json!("INSERT_AFTER"), vec!["filter-behind-router"]),
        ("0/patch/value/typed_extension_protocol_options", Value::Null, vec!["cluster-http1"]),
        ("1/patch/value/typed_config/merge_slashes", json!(false), vec!["slashes-not-merged"]),
        (
            "1/patch/value/typed_config/path_with_escaped_slashes_action",
            json!("UNESCAPE_AND_FORWARD"),
            vec!["escaped-slashes"],
        ),
        (
            "1/patch/value/typed_config/forward_client_cert_details",
            json!("ALWAYS_FORWARD_ONLY"),
            vec!["client-cert-forwarded"],
        ),
        // Nothing is said then, and Istio's own way holds.
        (
            "1/applyTo",
            json!("LISTENER"),
            vec!["manager-unseen", "slashes-not-merged", "escaped-slashes", "client-cert-appended"],
        ),
    ];
    for (field, to, mut rules) in whole {
        let mut found = broken(Base::Istio, filter, &format!("configPatches/{field}"), to);
        rules.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, rules, "{field}");
    }
    let merged = [
        ("1/patch/value/typed_config/failure_mode_allow", json!(true), vec!["failure-mode-allow"]),
        ("1/patch/value/typed_config/encode_raw_headers", json!(false), vec!["raw-headers-off"]),
        ("1/patch/value/typed_config/validate_mutations", Value::Null, vec!["validate-mutations-off"]),
        (
            "2/patch/value/typed_per_filter_config/envoy.filters.http.ext_authz/disabled",
            json!(true),
            vec!["route-unchecked"],
        ),
    ];
    for (field, to, rules) in merged {
        assert_eq!(broken(Base::IstioShared, filter, &format!("configPatches/{field}"), to), rules, "{field}");
    }
}

/// An object counts for the pods that it selects.
#[test]
fn a_guard_of_other_pods_guards_nothing() {
    let guard = ("AuthorizationPolicy", "hopgate-guard");
    for (base, of, field, to, guards) in [
        (Base::Istio, guard, "selector/matchLabels", json!({ "app": "other" }), false),
        (Base::Istio, guard, "selector", Value::Null, true),
        (Base::Istio, guard, "rules/0/to", json!([{ "operation": { "notPorts": ["9100"] } }]), true),
        (Base::Istio, guard, "rules/0/to", json!([{ "operation": { "notPaths": ["/open"] } }]), false),
        (Base::Istio, guard, "../metadata/annotations", json!({ "istio.io/dry-run": "true" }), false),
        (Base::Istio, guard, "rules/0/when/0/notValues", json!(["allow", "deny"]), false),
        (Base::Istio, guard, "rules/0/when/0/key", json!("request.headers[x-hopgate-decision-id]"), false),
        (Base::IstioShared, ("EnvoyFilter", "hopgate"), "workloadSelector", Value::Null, true),
    ] {
        let found = broken(base, of, field, to);
        assert_eq!(found, if guards { vec![] } else { vec!["guard-missing"] }, "{field}");
    }
    let found =
        broken(Base::IstioShared, ("EnvoyFilter", "hopgate"), "workloadSelector/labels", json!({ "app": "other" }));
    assert!(found.contains(&"raw-headers-off") && found.contains(&"client-cert-appended"), "{found:?}");
}

#[test]
fn what_envoy_gateway_is_told_is_held_to_the_same_rules() {
    let policy = ("SecurityPolicy", "hopgate");
    let client = ("ClientTrafficPolicy", "edge");
    let patches = ("EnvoyPatchPolicy", "hopgate");
    let http = json!({ "backendRefs": [{ "name": "hopgate", "port": 80 }] });
    let cases = [
        (policy, "extAuth/failOpen", json!(true), vec!["failure-mode-allow"]),
        (policy, "extAuth/recomputeRoute", json!(true), vec!["clear-route-cache"]),
        (policy, "extAuth/timeout", Value::Null, vec!["timeout-long"]),
        (policy, "extAuth/timeout", json!("100ms"), vec!["timeout-short"]),
        (policy, "extAuth/statusOnError", Value::Null, vec!["status-on-error-unset"]),
        (policy, "extAuth/headersToExtAuth", json!(["authorization", "dpop"]), vec!["allowed-headers-hide"]),
        (policy, "extAuth/http", http, vec!["http-service"]),
        (policy, "extAuth/bodyToExtAuth/maxRequestBytes", json!(100_000), vec!["body-limit-large"]),
        (policy, "extAuth/grpc/backendRefs/0/name", json!("nobody"), vec!["cluster-missing"]),
        (policy, "targetRefs/0/name", json!("other"), vec!["authz-missing"]),
        (policy, "targetRefs/0/sectionName", json!("https"), vec!["authz-missing"]),
        (policy, "targetRefs", json!([{ "kind": "HTTPRoute", "name": "invoices" }]), vec![]),
        (
            policy,
            "targetRefs",
            json!([{ "kind": "HTTPRoute", "name": "invoices", "sectionName": "rule" }]),
            vec!["authz-missing"],
        ),
        (policy, "targetRefs", Value::Null, vec!["authz-missing"]),
        (
            ("Backend", "hopgate"),
            "endpoints/0",
            json!({ "ip": { "address": "10.0.0.7", "port": 9191 } }),
            vec!["cluster-plaintext"],
        ),
        (("HTTPRoute", "invoices"), "parentRefs/0/name", json!("other"), vec!["authz-missing"]),
        (client, "path/escapedSlashesAction", json!("UnescapeAndForward"), vec!["escaped-slashes"]),
        (client, "path/disableMergeSlashes", json!(true), vec!["slashes-not-merged"]),
        (client, "headers/xForwardedClientCert/mode", json!("AlwaysForwardOnly"), vec!["client-cert-forwarded"]),
        (client, "headers/xForwardedClientCert/mode", json!("AppendForward"), vec!["client-cert-appended"]),
        (client, "tls/clientValidation/optional", json!(true), vec!["client-certificate-optional"]),
        (client, "tls/clientValidation/mode", json!("RequireAny"), vec!["peer-unverified"]),
        (client, "tls/clientValidation/subjectAltNames", Value::Null, vec!["peer-names-open"]),
        (client, "tls/clientValidation", Value::Null, vec!["client-certificate-not-asked"]),
        (
            patches,
            "jsonPatches/0/operation/path",
            json!("/failure_mode_allow"),
            vec!["failure-mode-allow", "raw-headers-off"],
        ),
        (patches, "jsonPatches/4/operation/value", json!(false), vec!["body-as-text"]),
        (patches, "jsonPatches/5/operation/value/typed_config/rules/action", json!("LOG"), vec!["guard-missing"]),
        (patches, "jsonPatches/3/operation/op", json!("remove"), vec!["filter-removed", "validate-mutations-off"]),
    ];
    for (of, field, to, mut rules) in cases {
        let mut found = broken(Base::EnvoyGateway, of, field, to.clone());
        rules.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, rules, "{field} {to}");
    }
    let tls = ("BackendTLSPolicy", "hopgate");
    assert_eq!(broken(Base::EnvoyGatewayShared, tls, "targetRefs/0/name", json!("other")), ["cluster-plaintext"]);
}

#[test]
fn a_policy_may_find_its_gateway_by_labels() {
    for (label, rules) in [("edge", vec![]), ("other", vec!["authz-missing"])] {
        let mut value = Base::EnvoyGateway.value();
        let gateway = pointer(Base::EnvoyGateway, ("Gateway", "edge"), "../metadata/labels");
        set(&mut value, &gateway, json!({ "tier": "edge" }));
        let policy = ("SecurityPolicy", "hopgate");
        set(&mut value, &pointer(Base::EnvoyGateway, policy, "targetRefs"), Value::Null);
        let selectors = json!([{ "kind": "Gateway", "matchLabels": { "tier": label } }]);
        set(&mut value, &pointer(Base::EnvoyGateway, policy, "targetSelectors"), selectors);
        let found: Vec<_> = lint(&value).findings.iter().map(|finding| finding.rule.id()).collect();
        assert_eq!(found, rules, "{label}");
    }
}

#[test]
fn a_route_that_speaks_tcp_is_not_checked() {
    let mut value = Base::EnvoyGateway.value();
    value["items"].as_array_mut().unwrap().push(json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "TCPRoute",
        "metadata": { "name": "raw", "namespace": "gateways" }, "spec": { "parentRefs": [{ "name": "edge" }] },
    }));
    let report = lint(&value);
    let rules: Vec<_> = report.findings.iter().map(|finding| finding.rule.id()).collect();
    assert_eq!(rules, ["tcp-unchecked"]);
}
