//! The way from a challenge to a better login and back (RFC 9470).

use serde_json::{Value, json};

use super::play::Play;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_reads_from_the_challenge_which_login_is_asked_for() {
    let mut play = Play::of("step_up").await;

    assert_eq!(play.line("weak_token")["asked"], json!(["password", "consent"]));
    let record = play.refused_with_nonce("weak", 401, "insufficient_user_authentication", "acr_insufficient");
    assert_eq!((&record["subject"], &record["acr"]), (&json!("alice"), &json!("urn:example:pwd")));
    assert_eq!((&record["route"], &record["risk"]), (&json!("refund"), &json!("destructive")));
    let challenge = parameters(play.lines("weak")[1]);
    assert_eq!((&challenge["acr_values"], &challenge["max_age"]), (&json!("urn:example:mfa"), &json!("300")));

    assert_eq!(play.line("strong_token")["asked"], json!(["password", "code", "consent"]), "a second step");
    assert_eq!(play.claims("strong_token")["acr"], "urn:example:mfa");
    let record = play.passed("strong");
    assert_eq!((&record["subject"], &record["actor"]), (&json!("alice"), &json!("researcher")));
    assert_eq!(record["acr"], "urn:example:mfa");

    play.refused("old", 401, "insufficient_user_authentication", "authentication_too_old");
    let challenge = parameters(play.line("old"));
    assert_eq!((challenge.get("acr_values"), &challenge["max_age"]), (None, &json!("3")));
    let then = play.claims("strong_token")["auth_time"].as_i64().unwrap();
    let record = play.passed("renewed");
    assert!(record["auth_time"].as_i64().unwrap() > then, "{record:#}");
}

/// The challenge as the client's library reads it.
fn parameters(line: &Value) -> Value {
    let challenges = line["challenges"].as_array().expect("challenges");
    assert_eq!(challenges.len(), 1, "{line:#}");
    assert_eq!(challenges[0]["scheme"], "dpop", "the scheme that was used: {line:#}");
    challenges[0]["parameters"].clone()
}
