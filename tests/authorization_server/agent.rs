//! An agent on its own behalf, by client credentials.

use serde_json::{Value, json};

use super::play::Play;

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_own_token_passes_plain_where_no_binding_is_asked_for() {
    let mut play = Play::of("agent").await;
    assert_eq!(play.claims("plain_token").get("cnf"), None);
    assert!(play.claims("bound_token")["cnf"]["jkt"].is_string());

    let record = play.passed("plain");
    assert_eq!((&record["subject"], &record["client_id"]), (&json!("planner"), &json!("planner")));
    assert_eq!((&record["actor"], &record["acr"]), (&Value::Null, &Value::Null), "nobody's delegate");
    assert_eq!(record["scheme"], "Bearer");

    play.refused("plain_where_bound", 401, "invalid_token", "sender_unconstrained");
    let challenge = play.line("plain_where_bound")["www_authenticate"].as_str().unwrap();
    assert!(challenge.contains(", DPoP algs="), "the way out is named: {challenge}");
    play.refused("plain_as_dpop", 401, "invalid_token", "token_not_bound");

    let record = play.passed_with_nonce("bound");
    assert_eq!((&record["subject"], &record["scheme"]), (&json!("planner"), &json!("DPoP")));
    assert!(!record["bound_to"].as_array().unwrap().is_empty(), "{record:#}");
}
