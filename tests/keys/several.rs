use serde_json::json;

use super::new_key;
use crate::support::plan::write_keys;
use crate::support::tokens::alice;
use crate::support::{Call, ISSUER, Plan};

const OTHER: &str = "https://other.demo.local";

/// Two issuers with keys of one `kid`.
fn plan() -> (Plan, hopgate::dev::keys::SigningKey) {
    let mut plan = Plan::new();
    let other = new_key().with_kid("same");
    plan.key = plan.key.clone().with_kid("same");
    write_keys(&plan.dir.root().join("keys.json"), &[plan.key.jwk()]);
    write_keys(&plan.dir.root().join("other.json"), &[other.jwk()]);
    let plan = plan.edit(|config| {
        config["issuers"].as_array_mut().unwrap().push(json!({ "issuer": OTHER, "jwks": { "file": "other.json" } }));
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(ISSUER);
        }
    });
    (plan, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_kid_at_two_issuers_is_two_keys() {
    let (plan, other) = plan();
    let gate = plan.start();
    let by = |issuer: &str| crate::support::tokens::of("alice").claim("iss", json!(issuer));
    let invalid = "401 invalid_token signature_invalid";
    for (name, token, expected) in [
        ("each its own", by(ISSUER).sign(&gate.plan.key), "ok"),
        ("each its own", by(OTHER).sign(&other), "ok"),
        ("the other's", by(ISSUER).sign(&other), invalid),
        ("the other's", by(OTHER).sign(&gate.plan.key), invalid),
    ] {
        assert_eq!(gate.get("/open", &token.expect("signed")).await.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_known_by_the_word_of_its_own_issuer_only() {
    let (plan, other) = plan();
    let gate = plan.start();
    let named =
        |act: serde_json::Value| alice().claim("iss", json!(OTHER)).claim("act", act).sign(&other).expect("signed");
    for act in [
        json!({ "sub": "planner" }),
        json!({ "sub": "planner", "iss": ISSUER }),
        json!({ "sub": "planner", "iss": OTHER }),
    ] {
        let verdict = gate.get("/open", &named(act.clone())).await.verdict();
        assert_eq!(verdict, "403 actor_unauthorized actor_not_allowed", "{act}");
    }
    let direct = crate::support::tokens::of("alice").claim("iss", json!(OTHER)).sign(&other).expect("signed");
    let call = Call::get("/bound").bearer(&direct).peer(&crate::support::spiffe("planner"));
    assert_eq!(gate.ask(&call).await.verdict(), "401 invalid_token caller_unbound");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_id_at_two_issuers_is_two_tokens() {
    let (plan, other) = plan();
    let gate = plan.start();
    let by = |issuer: &str, key| {
        let token = crate::support::tokens::of("alice").claim("iss", json!(issuer)).claim("jti", json!("same"));
        token.sign(key).expect("signed")
    };
    let (one, two) = (by(ISSUER, &gate.plan.key), by(OTHER, &other));
    for (token, expected) in [(&one, "ok"), (&two, "ok"), (&one, "401 invalid_token token_replayed")] {
        assert_eq!(gate.ask(&Call::refund(token)).await.verdict(), expected);
    }
}
