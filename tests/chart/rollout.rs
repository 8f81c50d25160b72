//! Upgrades: what must stay, what makes new pods, and what does not.

use serde_json::{Value, json};

use super::helm::{NAMESPACE, example, notes, object, template};
use crate::support::plan::set;

fn annotations(values: &Value, name: &str) -> Value {
    let objects = template(values).expect("rendered");
    object(&objects, "Deployment", name)["spec"]["template"]["metadata"]["annotations"].clone()
}

#[test]
fn selectors_hold_no_version_so_that_an_upgrade_is_taken() {
    let mut both = example("shared");
    set(&mut both, "/injector/enabled", json!(true));
    let objects = template(&both).expect("rendered");
    for (name, component) in [("hopgate", "shared"), ("hopgate-injector", "injector")] {
        let labels = &object(&objects, "Deployment", name)["spec"]["selector"]["matchLabels"];
        let wanted = json!({
            "app.kubernetes.io/name": "hopgate",
            "app.kubernetes.io/instance": "hopgate",
            "app.kubernetes.io/component": component,
        });
        assert_eq!(*labels, wanted, "Kubernetes refuses an upgrade that changes it");
    }
}

#[test]
fn only_what_is_read_at_the_start_makes_new_pods() {
    let before = example("shared");
    let with = |pointer: &str, value: Value| {
        let mut values = before.clone();
        set(&mut values, pointer, value);
        annotations(&values, "hopgate")
    };
    let was = annotations(&before, "hopgate");
    assert_eq!(with("/shared/config/services/0/routes/0/scopes", json!(["other"])), was, "taken while serving");
    assert_eq!(with("/shared/policies", json!({ "people.json": "[]" })), was);
    assert_ne!(with("/shared/config/limits", json!({ "drain": "5s" })), was, "read at the start");
    assert_ne!(with("/shared/config/replay/redis/timeout", json!("10ms")), was, "read at the start");
    let sidecars = example("sidecar");
    let mut other = sidecars.clone();
    set(&mut other, "/sidecar/envoy/image", json!("envoyproxy/envoy:distroless-v1.41.0"));
    assert_ne!(annotations(&other, "hopgate-injector"), annotations(&sidecars, "hopgate-injector"));
}

#[test]
fn only_those_who_ask_can_be_held_up_and_no_namespace_that_mends_the_cluster() {
    let objects = template(&json!({ "injector": { "excludedNamespaces": ["monitoring"] } })).expect("rendered");
    let mut selectors = Vec::new();
    for (kind, path) in [("MutatingWebhookConfiguration", "/mutate"), ("ValidatingWebhookConfiguration", "/validate")] {
        let webhooks = object(&objects, kind, "hopgate-injector.hopgate-system")["webhooks"].as_array().unwrap();
        for (webhook, path) in webhooks.iter().zip([path.to_owned(), format!("{path}/namespace")]) {
            assert_eq!(webhook["clientConfig"]["service"]["path"], path);
            assert_eq!((&webhook["failurePolicy"], &webhook["sideEffects"]), (&json!("Fail"), &json!("None")));
            selectors.push((webhook, path.ends_with("/namespace")));
        }
    }
    for (policy, by_namespace) in [("hopgate.hopgate-system.pod", false), ("hopgate.hopgate-system.namespace", true)] {
        let policy = object(&objects, "ValidatingAdmissionPolicy", policy);
        assert_eq!(policy["spec"]["failurePolicy"], "Fail");
        selectors.push((&policy["spec"]["matchConstraints"], by_namespace));
    }
    assert_eq!(selectors.len(), 6);
    for (selector, by_namespace) in selectors {
        // Any value of the label, so that a misspelled one is told.
        let operator = if by_namespace { "DoesNotExist" } else { "Exists" };
        let asked = json!([{ "key": "hopgate.dev/inject", "operator": operator }]);
        assert_eq!(selector["objectSelector"]["matchExpressions"], asked);
        let label = if by_namespace { json!({ "hopgate.dev/inject": "true" }) } else { Value::Null };
        assert_eq!(selector["namespaceSelector"]["matchLabels"], label);
        let kept_out = ["kube-system", "kube-public", "kube-node-lease", NAMESPACE, "monitoring"];
        let except = json!([{ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": kept_out }]);
        assert_eq!(selector["namespaceSelector"]["matchExpressions"], except);
    }
}

#[test]
fn the_certificate_of_the_webhook_is_for_its_service_and_trusted_by_its_bundle() {
    let objects = template(&json!({})).expect("rendered");
    let secret = &object(&objects, "Secret", "hopgate-injector-certificate")["data"];
    for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
        for webhook in object(&objects, kind, "hopgate-injector.hopgate-system")["webhooks"].as_array().unwrap() {
            assert_eq!(webhook["clientConfig"]["caBundle"], secret["ca.crt"]);
        }
    }
    let pem = |name: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(secret[name].as_str().unwrap()).expect("base64")
    };
    let (authority, certificate) = (pem("ca.crt"), pem("tls.crt"));
    let (_, authority) = x509_parser::pem::parse_x509_pem(&authority).expect("PEM");
    let (_, certificate) = x509_parser::pem::parse_x509_pem(&certificate).expect("PEM");
    let (authority, certificate) = (authority.parse_x509().unwrap(), certificate.parse_x509().unwrap());
    assert_eq!(certificate.issuer(), authority.subject());
    let names = certificate.subject_alternative_name().unwrap().expect("names");
    let host = format!("hopgate-injector.{NAMESPACE}.svc");
    assert!(format!("{:?}", names.value.general_names).contains(&format!("DNSName({host:?})")), "{names:?}");
    let days = certificate.validity().time_to_expiration().expect("valid").whole_days();
    assert!(days > 3640, "{days}");
}

#[test]
fn the_notes_say_what_observes_only() {
    let mut values = example("sidecar");
    assert!(!notes(&values).contains("OBSERVES"));
    set(&mut values, "/workloads/invoices/config/enforcement", json!({ "delegation": "observe" }));
    let said = notes(&values);
    assert!(
        said.contains(r#"OBSERVES ONLY, so calls that fail these checks pass: {"delegation":"observe"}"#),
        "{said}"
    );
    set(&mut values, "/sidecar/networkPolicy", json!(false));
    assert!(notes(&values).contains("WARNING: sidecar.networkPolicy is false"));
}
