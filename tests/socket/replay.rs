//! A single-use token opens its route once: check 14.

use std::time::Duration;

use serde_json::json;

use crate::support::plan::set;
use crate::support::tokens::{alice, of};
use crate::support::{Call, Gate, Plan, eventually, now};

const REPLAYED: &str = "401 invalid_token token_replayed";
const UNPROVABLE: &str = "401 invalid_token token_predates_store";

async fn refund(gate: &Gate, token: &str) -> String {
    gate.ask(&Call::refund(token)).await.verdict()
}

/// Waits until a token issued now is younger than a process started before this call.
pub(super) async fn next_second() {
    let second = now();
    eventually("the next second", async || (now() > second).then_some(())).await;
}

/// With `accept_tokens_issued_before_start` left out, and an issuer whose clock is ours.
fn strict() -> Plan {
    Plan::new().set("/replay", json!({})).set("/issuers/0/clock_skew", json!("0s"))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_any_number_of_concurrent_claims_exactly_one_is_fresh() {
    let gate = Plan::new().start();
    let clients: Vec<_> = (0..8).map(|_| gate.client()).collect();
    for round in 0..5 {
        let token = gate.token();
        let tasks: Vec<_> = (0..200)
            .map(|n| {
                let mut client = clients[n % clients.len()].clone();
                // Another invoice each time: the token is claimed, not the request.
                let call = Call::new("POST", &format!("/invoices/{n}/refund")).bearer(&token);
                tokio::spawn(async move {
                    crate::support::Answer::of(client.check(call.message()).await.expect("an answer").into_inner())
                })
            })
            .collect();
        let mut allowed = 0;
        for task in tasks {
            match task.await.expect("no panic").verdict().as_str() {
                "ok" => allowed += 1,
                verdict => assert_eq!(verdict, REPLAYED),
            }
        }
        assert_eq!(allowed, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_of_the_id_at_its_issuer_and_only_where_single_use_is_asked() {
    let gate = Plan::new().start();
    let token = gate.token();
    for _ in 0..3 {
        assert_eq!(gate.get("/invoices", &token).await.verdict(), "ok");
    }
    assert_eq!(refund(&gate, &token).await, "ok");
    assert_eq!(refund(&gate, &token).await, REPLAYED);
    assert_eq!(gate.get("/invoices", &token).await.verdict(), "ok", "other routes stay open");
    let one = gate.mint(&alice().claim("jti", json!("same")));
    let two = gate.mint(&alice().claim("jti", json!("same")).claim("sub", json!("bob")));
    assert_eq!(refund(&gate, &one).await, "ok");
    assert_eq!(refund(&gate, &two).await, REPLAYED, "the same id by the same issuer is the same token");
    let other = gate.mint(&alice().claim("jti", json!("Same")));
    assert_eq!(refund(&gate, &other).await, "ok", "ids are compared exactly");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_uses_nothing_up() {
    let gate = Plan::new().set("/services/0/routes/2/delegation", json!({ "bind_caller": "spiffe" })).start();
    let token = gate.token();
    let call = |peer: &str| Call::refund(&token).peer(&crate::support::spiffe(peer));
    for _ in 0..3 {
        let stolen = gate.ask(&call("researcher")).await.verdict();
        assert_eq!(stolen, "401 invalid_token caller_not_actor", "a thief must not burn the token of its owner");
    }
    assert_eq!(gate.ask(&call("planner")).await.verdict(), "ok");
    assert_eq!(gate.ask(&call("planner")).await.verdict(), REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_refuses_what_it_could_not_remember_until_claims_expire() {
    let plan = Plan::new().set("/replay/capacity", json!(3)).set("/issuers/0/clock_skew", json!("5m"));
    let gate = plan.start();
    // Expired 296 s ago, so good for 4 s more; and 5 minutes are the largest skew there is.
    let exp = now() - 296;
    let short = || gate.mint(&alice().claim("iat", json!(exp - 60)).claim("exp", json!(exp)));
    let first = gate.token();
    assert_eq!(refund(&gate, &first).await, "ok");
    for _ in 0..2 {
        assert_eq!(refund(&gate, &short()).await, "ok");
    }
    let full = "503 temporarily_unavailable replay_store_full";
    assert_eq!(refund(&gate, &gate.token()).await, full);
    assert_eq!(refund(&gate, &first).await, REPLAYED, "what is remembered is never evicted");
    gate.until_metric("hopgate_replay_entries", 3.0).await;
    eventually("expired claims to make room", async || (refund(&gate, &gate.token()).await == "ok").then_some(()))
        .await;
    assert_eq!(refund(&gate, &first).await, REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_issued_before_the_store_began_cannot_be_shown_to_be_unused() {
    let gate = strict().start();
    let old = gate.mint(&alice().claim("iat", json!(now() - 5)));
    assert_eq!(refund(&gate, &old).await, UNPROVABLE);
    assert_eq!(gate.get("/invoices", &old).await.verdict(), "ok", "only single use asks");
    next_second().await;
    let used = gate.token();
    assert_eq!(refund(&gate, &used).await, "ok");

    let gate = gate.restart(true);
    assert_eq!(refund(&gate, &used).await, UNPROVABLE, "a restart forgets, and says so");
    next_second().await;
    assert_eq!(refund(&gate, &gate.token()).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_opens_no_used_token_of_an_issuer_whose_clock_is_ahead() {
    let gate = strict().set("/issuers/0/clock_skew", json!("30s")).start();
    // Within the skew, so accepted: its `iat` is later than any start of hopgate in this test.
    let token = gate.mint(&alice().claim("iat", json!(now() + 25)).claim("exp", json!(now() + 300)));
    let before = refund(&gate, &token).await;
    assert!(before == "ok" || before == UNPROVABLE, "{before}");
    let gate = gate.restart(false);
    assert_ne!(refund(&gate, &token).await, "ok", "used before the restart: {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_accept_tokens_issued_before_the_start() {
    let gate = Plan::new().start();
    let old = gate.mint(&alice().claim("iat", json!(now() - 100)).claim("exp", json!(now() + 100)));
    assert_eq!(refund(&gate, &old).await, "ok");
    assert_eq!(refund(&gate, &old).await, REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_clock_skew_does_not_revive_a_used_token() {
    let gate = Plan::new().set("/issuers/0/clock_skew", json!("0s")).start();
    let token = gate.mint(&of("alice").lifetime(Duration::from_secs(2)));
    assert_eq!(refund(&gate, &token).await, "ok");
    eventually("the expiry", async || (refund(&gate, &token).await != REPLAYED).then_some(())).await;
    // Expired claims are swept every second: whatever would be forgotten is forgotten by then.
    let swept = now() + 2;
    eventually("a sweep", async || (now() > swept).then_some(())).await;
    let mut config = gate.plan.config.clone();
    set(&mut config, "/issuers/0/clock_skew", json!("5m"));
    crate::support::plan::replace_file(&gate.plan.file(), &config.to_string());
    gate.until_metric(r#"hopgate_config_reloads_total{result="success"}"#, 2.0).await;
    assert_ne!(refund(&gate, &token).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_id_opens_no_single_use_route() {
    let gate = Plan::new().set("/issuers/0/optional_claims", json!(["jti", "iat", "client_id"])).start();
    let token = gate.mint(&alice().without_claim("jti"));
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    assert_eq!(refund(&gate, &token).await, "401 invalid_token token_id_missing");
    let gate = {
        let plan = strict().set("/issuers/0/optional_claims", json!(["iat"]));
        plan.start()
    };
    let undated = gate.mint(&alice().without_claim("iat"));
    assert_eq!(gate.get("/open", &undated).await.verdict(), "ok");
    assert_eq!(refund(&gate, &undated).await, UNPROVABLE, "nothing shows that it is younger than the store");
}

#[tokio::test(flavor = "multi_thread")]
async fn reloading_the_configuration_forgets_no_claim() {
    let gate = Plan::new().start();
    let token = gate.token();
    assert_eq!(refund(&gate, &token).await, "ok");
    let mut config = gate.plan.config.clone();
    set(&mut config, "/issuers/0/max_lifetime", json!("14m"));
    crate::support::plan::replace_file(&gate.plan.file(), &config.to_string());
    gate.until_metric(r#"hopgate_config_reloads_total{result="success"}"#, 2.0).await;
    assert_eq!(refund(&gate, &token).await, REPLAYED);
}

/// The claim's key holds the service's name, which is the operator's label and no identity.
#[tokio::test(flavor = "multi_thread")]
async fn renaming_a_service_does_not_revive_used_tokens() {
    let mut gate = Plan::new().start();
    let token = gate.token();
    assert_eq!(gate.ask(&Call::refund(&token)).await.verdict(), "ok");
    assert_eq!(gate.ask(&Call::refund(&token)).await.reason, "token_replayed");
    gate.plan.config["services"][0]["name"] = json!("billing");
    gate.plan.write();
    gate.until_metric("hopgate_config_reloads_total{result=\"success\"}", 2.0).await;
    assert_eq!(gate.ask(&Call::refund(&token)).await.reason, "token_replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_first_audience_does_not_revive_used_tokens() {
    let mut gate = Plan::new().start();
    let token = gate.token();
    assert_eq!(refund(&gate, &token).await, "ok");
    let service = &mut gate.plan.config["services"][0];
    service["audience_aliases"] = json!([service["audience"]]);
    service["audience"] = json!("https://billing.demo.local");
    gate.plan.write();
    gate.until_metric("hopgate_config_reloads_total{result=\"success\"}", 2.0).await;
    assert_eq!(refund(&gate, &token).await, REPLAYED);
}
