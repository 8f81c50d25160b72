//! Good tokens of a server that is trusted, which are not good here, or no longer.

use serde_json::json;

use super::play::{ELSEWHERE, Play};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_must_be_for_this_resource_for_this_action_and_for_now() {
    let mut play = Play::of("refused").await;

    let record = play.refused("abroad", 401, "invalid_token", "audience_mismatch");
    assert_eq!(record["audience"], json!([ELSEWHERE]));

    let record = play.refused_with_nonce("narrow", 403, "insufficient_scope", "scope_missing");
    assert_eq!(record["scopes_held"], json!(["invoices:read"]));
    assert_eq!(play.lines("narrow")[1]["challenges"][0]["parameters"]["scope"], "invoices:refund");
    // The client asked for what the challenge named, and got past that check.
    assert_eq!(play.claims("wider_token")["scope"], "invoices:refund");
    play.refused("wider", 401, "insufficient_user_authentication", "acr_insufficient");

    let record = play.refused("expired", 401, "invalid_token", "token_expired");
    let claimed = if record["token_verified"] == true { &record } else { &record["claimed"] };
    assert_eq!(claimed["client_id"], "courier", "{record:#}");
}
