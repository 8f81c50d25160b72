//! Risk classes: what each asks for, said once.

use serde_json::{Value, json};

use crate::support::tokens::alice;
use crate::support::{Call, Plan};

fn plan(risk: &Value, route: &Value) -> Plan {
    Plan::new().set("/risk", risk.clone()).edit(|config| {
        let mut listed = json!({ "name": "wiped", "match": { "method": "POST", "path": "/wipe" } });
        listed.as_object_mut().unwrap().extend(route.as_object().unwrap().clone());
        config["services"][0]["routes"].as_array_mut().unwrap().push(listed);
    })
}

fn wipe(token: &str) -> Call {
    Call::new("POST", "/wipe").bearer(token)
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_asks_for_what_its_class_says_unless_it_says_otherwise() {
    let class = json!({ "destructive": { "sender_constrained": "required", "single_use": true } });
    let mut gate = plan(&class, &json!({ "risk": "destructive" })).start();
    let answer = gate.ask(&wipe(&gate.token())).await;
    assert_eq!(answer.verdict(), "401 invalid_token sender_unconstrained");
    assert!(answer.challenge().contains(", DPoP algs="), "{}", answer.challenge());
    assert_eq!(gate.record(&answer)["risk"], json!("destructive"));

    let gate = plan(&class, &json!({ "risk": "destructive", "sender_constrained": "optional" })).start();
    let token = gate.token();
    assert_eq!(gate.ask(&wipe(&token)).await.verdict(), "ok");
    assert_eq!(gate.ask(&wipe(&token)).await.verdict(), "401 invalid_token token_replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_of_the_operators_own_and_built_in_ones_without_demands() {
    let gate = plan(&json!({ "payout": { "single_use": true } }), &json!({ "risk": "payout" })).start();
    let token = gate.token();
    assert!(gate.ask(&wipe(&token)).await.allowed());
    assert_eq!(gate.ask(&wipe(&token)).await.reason, "token_replayed");
    let gate = plan(&json!({}), &json!({ "risk": "write" })).start();
    let token = gate.token();
    for _ in 0..2 {
        assert!(gate.ask(&wipe(&token)).await.allowed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_does_not_open_a_route_that_asks_for_a_young_one() {
    let gate = plan(&json!({ "write": { "max_token_age": "60s" } }), &json!({ "risk": "write" })).start();
    // The issuer's clock may be 30 s off.
    for (age, verdict) in [(0, "ok"), (80, "ok"), (100, "401 invalid_token token_too_old")] {
        let token = gate.mint(&alice().issued_at(now() - age));
        assert_eq!(gate.ask(&wipe(&token)).await.verdict(), verdict, "{age} s");
        assert!(gate.get("/invoices", &token).await.allowed());
    }
}
