//! The approval of one action (RFC 9396): an entry that says what this call says.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: invoices
    audience: https://invoices.demo.local
    routes:
      - name: refund
        match: { method: POST, path: "/invoices/{id}/refund" }
        body: json
        scopes: ["invoices:refund"]
        approval: { type: refund, match: { invoice: path.id, amount: arguments.amount } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        tools:
          delete: { approval: { type: delete, match: { id: arguments.order.id } }, single_use: false }
"#;

fn token(details: Value) -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .client_id("app")
        .scope("invoices:refund")
        .issued_at(u64::try_from(NOW).unwrap())
        .claim("authorization_details", details)
}

fn refund(amount: Value) -> Ask {
    Ask::json("/invoices/7/refund", json!({ "amount": amount, "note": "x" }).to_string())
}

#[test]
fn an_approval_is_for_one_action_and_passes_once() {
    let state = state_of(CONFIG, &[]);
    let approved = token(json!([{ "type": "refund", "invoice": "7", "amount": 950 }]));
    let evaluation = refund(json!(950)).token(&approved).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::MustClaim(_)), "single use by default: {:?}", evaluation.outcome);

    let evaluation = refund(json!(951)).token(&approved).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Refused(Reason::ApprovalMissing)));
    let wanted = json!({ "type": "refund", "locations": [AUDIENCE], "invoice": "7", "amount": 951 });
    assert_eq!(evaluation.findings.approval.map(Value::Object), Some(wanted));
}

#[test]
fn entries_are_never_merged_and_what_is_no_entry_approves_nothing() {
    let state = state_of(CONFIG, &[]);
    for details in [
        json!([]),
        json!([{ "type": "refund", "invoice": "7" }, { "type": "refund", "amount": 950 }]),
        json!([{ "type": "refund", "invoice": ["7", "8"], "amount": [950] }]),
        json!([{ "invoice": "7", "amount": 950 }]),
        json!([{ "type": 7, "invoice": "7", "amount": 950 }]),
        json!({ "type": "refund", "invoice": "7", "amount": 950 }),
        json!("refund"),
        json!(null),
        json!([["refund", "7", 950]]),
    ] {
        let refused = refund(json!(950)).token(&token(details.clone())).refused(&state);
        assert_eq!(refused, Some(Reason::ApprovalMissing), "{details}");
    }
    let none = TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").scope("invoices:refund");
    let none = none.issued_at(u64::try_from(NOW).unwrap());
    assert_eq!(refund(json!(950)).token(&none).refused(&state), Some(Reason::ApprovalMissing));
    // The scope first: RFC 6750 before RFC 9396.
    let unscoped = token(json!([])).scope("other");
    assert_eq!(refund(json!(950)).token(&unscoped).refused(&state), Some(Reason::ScopeMissing));
}

#[test]
fn a_call_without_the_value_can_not_be_approved() {
    let state = state_of(CONFIG, &[]);
    let approved = token(json!([{ "type": "refund", "invoice": "7", "amount": 950 }]));
    for body in [
        "{}",
        r#"{"Amount":950}"#,
        r#"{"a_mount":950}"#,
        r#"{"amount":null}"#,
        r#"{"amount":[950]}"#,
        r#"{"amount":{"value":950}}"#,
        r#"{"amount":1e300}"#,
    ] {
        let refused = Ask::json("/invoices/7/refund", body).token(&approved).refused(&state);
        assert_eq!(refused, Some(Reason::ArgumentInvalid), "{body}");
    }
}

#[test]
fn a_tool_is_approved_by_what_its_arguments_say_within() {
    let state = state_of(CONFIG, &[]);
    let call = |arguments: Value| {
        let message = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "delete", "arguments": arguments },
        });
        Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
    };
    let approved = token(json!([{ "type": "other" }, { "type": "delete", "id": "a" }]));
    assert!(matches!(call(json!({"order": {"id": "a"}})).token(&approved).of(&state).outcome, Outcome::Permitted(_)));
    let refused = |arguments: Value| call(arguments).token(&approved).refused(&state);
    assert_eq!(refused(json!({"order": {"id": "b"}})), Some(Reason::ApprovalMissing));
    assert_eq!(refused(json!({"id": "a"})), Some(Reason::ArgumentInvalid));
    assert_eq!(refused(json!({"order": "a"})), Some(Reason::ArgumentInvalid));
}
