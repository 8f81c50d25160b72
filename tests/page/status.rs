//! What hopgate says of itself, for the page.

use std::net::SocketAddr;

use serde_json::{Value, json};

use testbed::ports;

use super::stage::Stage;
use crate::support::keyserver::{KeyServer, Reply};
use crate::support::{ISSUER, Plan, eventually, http};

fn asked(address: SocketAddr) -> Value {
    let answer = http::request(address, "GET", "/status", &[("host", b"localhost")]);
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_that_of_metrics_and_configuration() {
    let mut stage = Stage::new();
    stage.gate().until_ready().await;
    for deed in ["allow", "would refuse", "refuse a stranger", "refuse a forgery"] {
        stage.act(deed).await;
    }
    let kid = stage.gate().plan.key.kid().to_owned();
    let status = asked(stage.address);
    assert_eq!(status["ready"], json!({ "ok": true, "why": null }));
    assert_eq!(
        status["issuers"],
        json!([{
            "issuer": ISSUER, "source": "file", "age_seconds": null, "state": "current",
            "keys": [{ "kid": kid, "algorithm": "ES256" }],
        }])
    );
    assert_eq!(
        status["counters"],
        json!({
            "allowed": 2, "refused": 2, "would_refuse": 1, "answered": 0, "records_refused": 0, "reloads_failed": 0,
            "replay_failures": 0,
        })
    );
    let caller = status["checks"].as_array().unwrap().iter().find(|check| check["name"] == "caller");
    assert_eq!(caller, Some(&json!({ "name": "caller", "observable": true, "mode": "observe" })));
    assert_eq!(status["reasons"]["scope_missing"], "scopes");
    assert_eq!(status["services"], json!(["invoices"]));
    assert_eq!((&status["config_current"], &status["revocations_current"]), (&json!(true), &json!(true)));
    let record = stage.gate().record_where(|_| true);
    assert_eq!(status["revision"], record["snapshot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_fetched_have_an_age_and_their_address_is_not_told() {
    let server = KeyServer::start().await;
    let address = ports::free().unwrap();
    let plan = Plan::new().set("/watch", json!(address.to_string())).set(
        "/issuers/0",
        json!({
            "issuer": server.issuer(), "jwks": { "uri": server.url("/jwks?code=s3cr3t") }, "algorithms": ["ES256"],
            "max_lifetime": "15m", "refresh": "1s",
        }),
    );
    let jwks = json!({ "keys": [plan.key.jwk()] });
    server.reply("/jwks?code=s3cr3t", Reply::Status(503, String::new()));
    let gate = plan.start();
    let issuer = async |state: &str| {
        eventually(state, async || {
            let status = asked(address);
            assert!(!status.to_string().contains("s3cr3t"), "{status}");
            (status["issuers"][0]["state"] == state).then(|| status["issuers"][0].clone())
        })
        .await
    };
    let missing = issuer("missing").await;
    assert_eq!((&missing["source"], &missing["age_seconds"]), (&json!("fetched"), &json!(null)));
    server.reply("/jwks?code=s3cr3t", Reply::Json(jwks.to_string()));
    let current = issuer("current").await;
    assert!(current["age_seconds"].as_u64().is_some_and(|age| age < 20), "{current}");
    assert_eq!(current["keys"], json!([{ "kid": gate.plan.key.kid(), "algorithm": "ES256" }]));
    server.reply("/jwks?code=s3cr3t", Reply::Close);
    assert_eq!(issuer("kept").await["keys"], current["keys"]);
}
