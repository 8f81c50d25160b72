//! A check in `observe` says what it would do and does nothing.

use serde_json::json;

use crate::support::tokens::{alice, of};
use crate::support::{Call, Plan, spiffe};

#[tokio::test(flavor = "multi_thread")]
async fn an_observed_check_is_recorded_counted_and_not_enforced() {
    let observe = json!({ "audience": "observe", "delegation": "observe", "caller": "observe", "scopes": "observe" });
    let mut gate = Plan::new().set("/enforcement", observe).start();
    for (path, token, would) in [
        ("/open", alice(), vec![]),
        ("/open", alice().audiences(["https://other.demo.local"]), vec!["audience_mismatch"]),
        ("/open", of("alice").actors(["stranger"]), vec!["actor_not_allowed"]),
        ("/open", of("alice").actors(["researcher", "stranger"]), vec!["prior_actor_not_allowed"]),
        ("/bound", alice(), vec!["caller_not_actor"]),
        ("/invoices", alice().scope(""), vec!["scope_missing"]),
        (
            "/bound",
            alice().audiences(["https://other.demo.local"]).actors(["a", "b", "c"]),
            vec!["audience_mismatch", "depth_exceeded", "caller_unbound"],
        ),
        ("/invoices", of("alice").actors(["stranger"]), vec!["actor_not_allowed", "scope_above_ceiling"]),
    ] {
        let call = Call::get(path).bearer(&gate.mint(&token)).peer(&spiffe("researcher"));
        let answer = gate.ask(&call).await;
        assert_eq!(answer.verdict(), "ok", "{would:?}");
        let record = gate.record(&answer);
        assert_eq!((&record["would_deny"], &record["decision"]), (&json!(would), &json!("allow")));
        assert_eq!(record["enforcement"], "observe");
        let told = answer.metadata["would_deny"].as_str().unwrap_or_default();
        assert_eq!(told, would.join(","));
    }
    // An `act` that can't be read is refused all the same: observed, it would be no delegation.
    let call = Call::get("/open").bearer(&gate.mint(&alice().claim("act", json!(null)))).peer(&spiffe("researcher"));
    assert_eq!(gate.ask(&call).await.verdict(), "401 invalid_token act_malformed");
    let series = r#"hopgate_would_deny_total{reason="actor_not_allowed",check="delegation"}"#;
    assert!((gate.metric(series) - 2.0).abs() < 0.5, "{}", gate.metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_always_be_enforced_cannot_be_observed() {
    let all = json!({ "audience": "observe", "delegation": "observe", "caller": "observe", "scopes": "observe" });
    let gate = Plan::new().set("/enforcement", all).start();
    for (name, call, status) in [
        ("request", Call::get("//open").bearer(&gate.token()), 400),
        ("route", Call::get("/nowhere").bearer(&gate.token()), 403),
        ("credential", Call::get("/open"), 401),
        ("token", Call::get("/open").bearer("a.b.c"), 401),
        ("sender", Call::get("/open").bearer(&gate.mint(&alice().claim("cnf", json!({})))), 401),
    ] {
        assert_eq!(gate.ask(&call).await.status, status, "{name}");
    }
    let once = gate.token();
    assert!(gate.ask(&Call::refund(&once)).await.allowed());
    assert_eq!(gate.ask(&Call::refund(&once)).await.status, 401, "replay");
}
