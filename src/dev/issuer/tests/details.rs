//! `authorization_details` over HTTP (RFC 9396).

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{INVOICES, PLANNER, RESEARCHER, Running, refused, start, token};

const DETAILS: &str = "authorization_details";
const INVALID: &str = "invalid_authorization_details";

/// What alice's token is, and its answer, with `details` as they are sent.
async fn granted(issuer: &Running, details: &str) -> (StatusCode, Value) {
    let form = [("sub", "alice"), ("client_id", "planner"), ("audience", INVOICES), (DETAILS, details)];
    issuer.post("/user-token", &form).await
}

#[tokio::test]
async fn what_a_person_granted_is_in_the_token_and_in_the_answer() {
    let issuer = start("").await;
    let refund = json!([{ "type": "refund", "invoice": "7", "amount": 950, "locations": [INVOICES] }]);
    let (status, body) = granted(&issuer, &refund.to_string()).await;
    // Section 7: "the AS MUST also return the authorization_details as granted".
    assert_eq!((status, &body[DETAILS]), (StatusCode::OK, &refund), "{body}");
    assert_eq!(issuer.claims(&token(&body)).await[DETAILS], refund);

    for nothing in ["", "[]"] {
        let (_, body) = granted(&issuer, nothing).await;
        assert_eq!((body.get(DETAILS), issuer.claims(&token(&body)).await.get(DETAILS)), (None, None));
    }
}

#[tokio::test]
async fn what_is_no_list_of_objects_with_a_type_is_refused() {
    let issuer = start("").await;
    for malformed in [
        "refund",
        r#""refund""#,
        "null",
        r#"{"type":"refund"}"#,
        r#"["refund"]"#,
        r#"[[{"type":"refund"}]]"#,
        "[{}]",
        r#"[{"type":7}]"#,
        r#"[{"type":["refund"]}]"#,
        r#"[{"Type":"refund"}]"#,
        r#"[{"type":"refund"},{"amount":950}]"#,
        r#"[{"type":"refund"}] [{"type":"refund"}]"#,
    ] {
        refused(&granted(&issuer, malformed).await, INVALID);
        let user = issuer.user_token("").await;
        refused(&issuer.exchange(PLANNER, &user, &[(DETAILS, malformed)]).await, INVALID);
    }
}

#[tokio::test]
async fn the_exchange_carries_the_entries_down_and_never_adds_one() {
    let issuer = start("").await;
    let (refund, delete) = (json!({ "type": "refund", "amount": 950 }), json!({ "type": "delete", "id": "a" }));
    let user = token(&granted(&issuer, &json!([refund, delete]).to_string()).await.1);
    let (_, body) = issuer.exchange(PLANNER, &user, &[]).await;
    let first = token(&body);
    assert_eq!(issuer.claims(&first).await[DETAILS], json!([refund, delete]));

    let only = json!([refund]).to_string();
    let (_, body) = issuer.exchange(RESEARCHER, &first, &[(DETAILS, &only)]).await;
    assert_eq!((&issuer.claims(&token(&body)).await[DETAILS], &body[DETAILS]), (&json!([refund]), &json!([refund])));
    let (_, body) = issuer.exchange(RESEARCHER, &first, &[(DETAILS, "[]")]).await;
    assert_eq!(issuer.claims(&token(&body)).await.get(DETAILS), None);

    for wider in [
        json!([{ "type": "refund", "amount": 951 }]),
        json!([{ "type": "refund", "amount": 950.0 }]),
        json!([{ "type": "refund" }]),
        json!([{ "type": "refund", "amount": 950, "id": "a" }]),
        json!([{ "type": "delete", "amount": 950 }]),
        json!([refund, { "type": "delete", "id": "b" }]),
    ] {
        let more = [(DETAILS, wider.to_string())];
        refused(&issuer.exchange(PLANNER, &user, &more.each_ref().map(|(n, v)| (*n, v.as_str()))).await, INVALID);
    }
    refused(&issuer.exchange(PLANNER, &issuer.user_token("").await, &[(DETAILS, &only)]).await, INVALID);
}

#[tokio::test]
async fn a_client_grants_nothing_to_itself() {
    let issuer = start("").await;
    let (id, secret) = PLANNER;
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let details = [(DETAILS, r#"[{"type":"refund"}]"#)];
    refused(&issuer.post("/token", &[&form[..], &details].concat()).await, INVALID);
}

#[tokio::test]
async fn types_are_told_and_kept_to_where_they_are_configured() {
    const SUPPORTED: &str = "authorization_details_types_supported";
    const METADATA: &str = "/.well-known/oauth-authorization-server";
    let any = start("").await;
    assert_eq!(any.get(METADATA).await.get(SUPPORTED), None);

    let issuer = super::start_with("", |config| config.details_types = vec!["refund".to_owned()]).await;
    assert_eq!(issuer.get(METADATA).await[SUPPORTED], json!(["refund"]));
    assert_eq!(granted(&issuer, r#"[{"type":"refund"}]"#).await.0, StatusCode::OK);
    // Section 5: the server "MUST refuse to process any unknown authorization details type".
    refused(&granted(&issuer, r#"[{"type":"refund"},{"type":"delete"}]"#).await, INVALID);
}
