//! RFC 9728: hopgate says in the service's place where its tokens come from.

use serde_json::{Value, json};

use crate::support::{AUDIENCE, Call, ISSUER, Plan};

const PATH: &str = "/.well-known/oauth-protected-resource";

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_public_and_says_what_a_client_needs() {
    let mut gate = Plan::new().start();
    let answer = gate.ask(&Call::get(PATH)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    assert!(!answer.allowed(), "the service never sees the call");
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        document,
        json!({
            "resource": AUDIENCE,
            "authorization_servers": [ISSUER],
            "bearer_methods_supported": ["header"],
            "scopes_supported": ["invoices:read", "invoices:refund"],
            "resource_name": "invoices",
            "tls_client_certificate_bound_access_tokens": true,
            "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        })
    );
    let record = gate.record(&answer);
    assert_eq!(
        (&record["decision"], &record["reason"], &record["path"]),
        (&json!("answer"), &Value::Null, &json!(PATH))
    );
    assert!(gate.metrics().contains("decision=\"answer\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_that_path_and_only_to_be_read() {
    let gate = Plan::new().start();
    assert_eq!(gate.ask(&Call::new("HEAD", PATH)).await.status, 200);
    assert_eq!(gate.ask(&Call::get(&format!("{PATH}?x=1"))).await.status, 200);
    for (method, path) in [
        ("POST", PATH),
        ("DELETE", PATH),
        ("get", PATH),
        ("GET", "/.well-known/oauth-protected-resource/"),
        ("GET", "/.well-known/oauth-protected-resource/invoices"),
        ("GET", "/.well-known/OAuth-protected-resource"),
        ("GET", "/x/.well-known/oauth-protected-resource"),
    ] {
        assert_eq!(gate.ask(&Call::new(method, path)).await.reason, "route_unknown", "{method} {path}");
    }
    for path in ["//.well-known/oauth-protected-resource", "/.well-known/../.well-known/oauth-protected-resource"] {
        assert_eq!(gate.ask(&Call::get(path)).await.reason, "path_ambiguous", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_well_known_part_goes_between_host_and_path_of_the_resource() {
    let gate = Plan::new().set("/services/0/audience", json!("https://api.demo.local/invoices")).start();
    let answer = gate.ask(&Call::get("/.well-known/oauth-protected-resource/invoices")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(gate.ask(&Call::get(PATH)).await.status, 403);
    let challenge = gate.ask(&Call::get("/invoices")).await.challenge().to_owned();
    let url = "resource_metadata=\"https://api.demo.local/.well-known/oauth-protected-resource/invoices\"";
    assert!(challenge.contains(url), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_identifier_is_no_url_has_none_unless_written() {
    let gate = Plan::new().set("/services/0/audience", json!("invoices")).start();
    assert_eq!(gate.ask(&Call::get(PATH)).await.status, 403);
    let written = json!("https://meta.demo.local/.well-known/resources/invoices");
    let plan = Plan::new().set("/services/0/audience", json!("invoices"));
    let gate = plan.set("/services/0/resource_metadata", written).start();
    assert_eq!(gate.ask(&Call::get("/.well-known/resources/invoices")).await.status, 200);
}
