//! A person lets an agent act, by authorization code, PKCE, consent and DPoP; a thief gets nothing out of it.

use serde_json::json;

use super::play::Play;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_a_person_passes_with_its_proof_and_in_no_other_way() {
    let mut play = Play::of("user").await;
    assert_eq!(play.line("no_consent")["error"], "access_denied");

    let token = play.line("token");
    assert_eq!(token["header"]["typ"], "at+jwt");
    assert_eq!((&token["token_type"], &token["asked"]), (&json!("dpop"), &json!(["consent"])), "logged in before");
    let jkt = token["claims"]["cnf"]["jkt"].clone();
    assert!(jkt.is_string(), "{token:#}");

    let record = play.passed_with_nonce("call");
    assert_eq!(record["issuer"], play.server.issuer());
    assert_eq!(record["subject"], "alice");
    assert_eq!(record["client_id"], "researcher");
    assert_eq!((&record["actor"], &record["delegation_depth"]), (&json!("researcher"), &json!(1)));
    assert_eq!(record["acr"], "urn:example:pwd");
    assert_eq!(record["auth_time"], play.claims("token")["auth_time"]);
    assert_eq!(record["audience"], json!([play.resource]));
    assert_eq!(record["scheme"], "DPoP");
    let seen = &play.lines("call")[1]["body"]["headers"];
    assert_eq!(seen["x-hopgate-subject"], json!(["alice"]), "{seen:#}");
    assert_eq!(seen["x-hopgate-actor"], json!(["researcher"]), "{seen:#}");
    assert_eq!((seen.get("authorization"), seen.get("dpop")), (None, None), "{seen:#}");
    // The library keeps the nonce: RFC 9449 section 8.2.
    play.passed("call_again");

    play.refused("same_proof", 401, "invalid_dpop_proof", "proof_replayed");
    play.refused("other_url", 401, "invalid_dpop_proof", "proof_target_mismatch");
    play.refused("other_method", 401, "invalid_dpop_proof", "proof_method_mismatch");
    play.refused("no_proof", 401, "invalid_dpop_proof", "proof_missing");
    play.refused("other_token", 401, "invalid_dpop_proof", "proof_token_mismatch");
    play.refused_with_nonce("other_key", 401, "invalid_token", "proof_key_mismatch");
    play.refused("id_token", 401, "invalid_token", "token_type_wrong");
    let record = play.refused("as_bearer", 401, "invalid_token", "bound_token_as_bearer");
    assert_eq!((&record["scheme"], &record["subject"]), (&json!("Bearer"), &json!("alice")));
    let challenge = play.line("as_bearer")["www_authenticate"].as_str().unwrap();
    assert!(challenge.starts_with("Bearer error=") && challenge.contains(", DPoP algs="), "{challenge}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_nonce_is_asked_for_a_proof_passes_at_once_and_once() {
    let mut play = Play::with("user", |config| config["dpop"] = json!({})).await;
    play.passed("call");
    play.passed("call_again");
    play.refused("same_proof", 401, "invalid_dpop_proof", "proof_replayed");
    play.refused("other_key", 401, "invalid_token", "proof_key_mismatch");
}
