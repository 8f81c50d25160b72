//! Check 11, RFC 9470: a sensitive action asks for more.

use serde_json::{Value, json};

use crate::support::tokens::alice;
use crate::support::{Call, Gate, Plan};

const METADATA: &str = "resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\"";

fn gate(rule: Value) -> Gate {
    Plan::new().set("/services/0/routes/0/step_up", rule).start()
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_says_what_would_do() {
    let gate = gate(json!({ "acr_values": ["urn:example:mfa", "urn:example:hwk"], "max_age": "5m" }));
    let answer = gate.get("/invoices", &gate.token()).await;
    assert_eq!(answer.verdict(), "401 insufficient_user_authentication acr_insufficient");
    assert_eq!(
        answer.challenge(),
        format!(
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"A different authentication level is required\", \
             acr_values=\"urn:example:mfa urn:example:hwk\", max_age=\"300\", {METADATA}"
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_the_levels_and_a_recent_authentication_suffice_and_nothing_else_does() {
    let mut gate = gate(json!({ "acr_values": ["urn:example:mfa", "urn:example:hwk"], "max_age": "60s" }));
    let too_old = "401 insufficient_user_authentication authentication_too_old";
    let insufficient = "401 insufficient_user_authentication acr_insufficient";
    for (acr, auth_time, verdict) in [
        (json!("urn:example:mfa"), json!(now()), "ok"),
        (json!("urn:example:hwk"), json!(now() - 80), "ok"),
        (json!("urn:example:mfa"), json!(now() - 100), too_old),
        (json!("urn:example:mfa"), json!(now() + 100), too_old),
        (json!("urn:example:mfa"), json!(0), too_old),
        (json!("urn:example:pwd"), json!(now()), insufficient),
        (json!("URN:EXAMPLE:MFA"), json!(now()), insufficient),
        (json!("urn:example:mfa urn:example:hwk"), json!(now()), insufficient),
        (json!(["urn:example:mfa"]), json!(now()), "401 invalid_token claim_malformed"),
        (json!("urn:example:mfa"), json!("soon"), "401 invalid_token claim_malformed"),
    ] {
        let token = gate.mint(&alice().claim("acr", acr.clone()).claim("auth_time", auth_time.clone()));
        assert_eq!(gate.get("/invoices", &token).await.verdict(), verdict, "{acr} {auth_time}");
    }
    let no_time = gate.mint(&alice().claim("acr", json!("urn:example:mfa")));
    let answer = gate.get("/invoices", &no_time).await;
    assert_eq!(answer.verdict(), too_old, "a token that does not say when");
    assert_eq!(gate.record(&answer)["acr"], json!("urn:example:mfa"));
}

#[tokio::test(flavor = "multi_thread")]
async fn max_age_alone_does_not_ask_for_a_level() {
    let gate = gate(json!({ "max_age": "5s" }));
    let answer = gate.get("/invoices", &gate.token()).await;
    assert_eq!(
        answer.challenge(),
        format!(
            "Bearer error=\"insufficient_user_authentication\", \
             error_description=\"More recent authentication is required\", max_age=\"5\", {METADATA}"
        )
    );
    assert!(gate.get("/invoices", &gate.mint(&alice().claim("auth_time", json!(now())))).await.allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_route_asks_for_is_told_to_no_stranger() {
    let gate = gate(json!({ "acr_values": ["urn:example:mfa"] }));
    let bad = gate.mint(&alice().claim("aud", json!("https://docs.demo.local")));
    for call in [Call::get("/invoices"), Call::get("/invoices").bearer(&bad), Call::get("/invoices").bearer("a.b.c")] {
        assert!(!gate.ask(&call).await.challenge().contains("acr_values"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn step_up_can_be_observed() {
    let plan = Plan::new()
        .set("/services/0/routes/0/step_up", json!({ "acr_values": ["urn:example:mfa"] }))
        .set("/enforcement", json!({ "step_up": "observe" }));
    let mut gate = plan.start();
    let answer = gate.get("/invoices", &gate.token()).await;
    assert!(answer.allowed());
    assert_eq!(gate.record(&answer)["would_deny"], json!(["acr_insufficient"]));
}
