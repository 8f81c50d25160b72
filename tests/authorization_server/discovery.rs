//! From the resource's URL alone to the server that issues its tokens (RFC 9728).

use serde_json::json;

use super::play::Play;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_the_resource_finds_the_authorization_server() {
    let mut play = Play::of("discovery").await;

    let first = play.line("no_token").clone();
    assert_eq!(first["status"], 401, "{first:#}");
    let challenge = first["www_authenticate"].as_str().expect("a challenge");
    assert!(challenge.starts_with("Bearer ") && challenge.contains(", DPoP "), "{challenge}");
    assert!(challenge.contains(&format!("resource_metadata=\"{}\"", play.metadata_url())), "{challenge}");
    assert!(challenge.contains("scope=\"invoices:read\""), "{challenge}");
    assert!(!challenge.contains("error="), "RFC 6750 section 3.1: no code where no token was sent: {challenge}");
    assert_eq!(play.record(&first)["reason"], "credential_missing");

    // The library compared `resource` with the URL it began with, and `issuer` with where it was found.
    let metadata = play.line("metadata");
    assert_eq!(metadata["url"], play.metadata_url());
    let body = &metadata["body"];
    assert_eq!(body["resource"], play.resource);
    assert_eq!(body["authorization_servers"], json!([play.server.issuer()]));
    assert_eq!(body["scopes_supported"], json!(["invoices:read", "invoices:refund"]));
    assert_eq!(body["bearer_methods_supported"], json!(["header"]));
    assert!(body["dpop_signing_alg_values_supported"].as_array().unwrap().contains(&json!("ES256")), "{body}");
    assert_eq!(play.line("server")["issuer"], play.server.issuer());
    let record = play.record_where(|record| record["decision"] == "answer");
    assert_eq!(record["path"], "/.well-known/oauth-protected-resource");
}
