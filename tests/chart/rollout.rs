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
    assert_eq!(with("/shared/policies", json!({ "a.cedar": "permit (principal, action, resource);" })), was);
    assert_ne!(with("/shared/config/limits", json!({ "drain": "5s" })), was, "read at the start");
    assert_ne!(with("/shared/config/replay/redis/timeout", json!("10ms")), was, "read at the start");
    let sidecars = example("sidecar");
    let mut other = sidecars.clone();
    set(&mut other, "/sidecar/envoy/image", json!("envoyproxy/envoy:distroless-v1.41.0"));
    assert_ne!(annotations(&other, "hopgate-injector"), annotations(&sidecars, "hopgate-injector"));
}

#[test]
fn the_webhook_can_hold_up_labelled_pods_only_and_no_namespace_that_mends_the_cluster() {
    let objects = template(&json!({ "injector": { "excludedNamespaces": ["monitoring"] } })).expect("rendered");
    let webhooks = object(&objects, "MutatingWebhookConfiguration", "hopgate-injector-hopgate-system");
    let policy = object(&objects, "ValidatingAdmissionPolicy", "hopgate-hopgate-system");
    let webhook = &webhooks["webhooks"][0];
    assert_eq!(webhooks["webhooks"].as_array().unwrap().len(), 1);
    assert_eq!(webhook["failurePolicy"], "Fail");
    assert_eq!(webhook["objectSelector"]["matchLabels"], json!({ "hopgate.dev/inject": "true" }));
    let asks = &policy["spec"]["matchConstraints"]["objectSelector"]["matchExpressions"];
    assert_eq!(*asks, json!([{ "key": "hopgate.dev/inject", "operator": "Exists" }]), "misspelled values, too");
    for selectors in [webhook, &policy["spec"]["matchConstraints"]] {
        let except = &selectors["namespaceSelector"]["matchExpressions"][0];
        assert_eq!((&except["key"], &except["operator"]), (&json!("kubernetes.io/metadata.name"), &json!("NotIn")));
        let kept_out = ["kube-system", "kube-public", "kube-node-lease", NAMESPACE, "monitoring"];
        assert_eq!(except["values"], json!(kept_out));
    }
    assert_eq!(webhook["sideEffects"], "None");
    assert_eq!(webhook["clientConfig"]["service"]["path"], "/mutate");
}

#[test]
fn the_certificate_of_the_webhook_is_for_its_service_and_trusted_by_its_bundle() {
    let objects = template(&json!({})).expect("rendered");
    let secret = &object(&objects, "Secret", "hopgate-injector-certificate")["data"];
    let webhook = &object(&objects, "MutatingWebhookConfiguration", "hopgate-injector-hopgate-system")["webhooks"][0];
    assert_eq!(webhook["clientConfig"]["caBundle"], secret["ca.crt"]);
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
