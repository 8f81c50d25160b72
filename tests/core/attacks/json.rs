//! Values that two readers read differently, and names that look like others.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
enforcement: $enforcement
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - { name: pay, match: { method: POST, path: /pay }, body: json, approval: { type: pay, match: { account: arguments.account } } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        tools:
          "search_*": {}
          search_secrets: { scopes: ["docs:secrets"] }
          "delete_*": { scopes: ["docs:delete"] }
        resources:
          "file:///docs/*": {}
          "file:///docs/q1(final).pdf": { scopes: ["docs:secrets"] }
          "file:///docs/secret.md": { scopes: ["docs:secrets"] }
"#;

fn state() -> hopgate::live::State {
    state_of(&CONFIG.replace("$enforcement", "{}"), &[])
}

fn token(details: Value) -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .client_id("app")
        .issued_at(u64::try_from(NOW).unwrap())
        .claim("authorization_details", details)
}

fn passes(ask: &Ask, state: &hopgate::live::State) -> bool {
    matches!(ask.of(state).outcome, Outcome::Permitted(_) | Outcome::MustClaim(_))
}

fn older(method: &str, params: Value) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
}

/// JSON.parse of Node, and Go's `any`, read 9007199254740993 as 9007199254740992.
#[test]
fn a_whole_number_beyond_2_to_53_is_not_read_alike() {
    let state = state();
    let approved = token(json!([{ "type": "pay", "account": 9_007_199_254_740_993_u64 }]));
    let ask = Ask::json("/pay", r#"{"account":9007199254740993}"#).token(&approved);
    assert_eq!(ask.refused(&state), Some(Reason::ArgumentInvalid));
}

/// a name that only a star stands for is not another spelling of one that has a rule of its own.
#[test]
fn another_letter_case_of_a_named_tool_is_not_taken_by_a_star() {
    let state = state();
    let call = |name: &str| older("tools/call", json!({ "name": name })).token(&token(json!([])));
    assert_eq!(call("search_secrets").refused(&state), Some(Reason::ScopeMissing));
    assert!(!passes(&call("search_Secrets"), &state));
}

#[test]
fn another_spelling_of_a_named_resource_is_not_taken_by_a_star() {
    let state = state();
    let read = |uri: &str| older("resources/read", json!({ "uri": uri })).token(&token(json!([])));
    assert_eq!(read("file:///docs/q1(final).pdf").refused(&state), Some(Reason::ScopeMissing));
    assert!(!passes(&read("file:///docs/q1%28final%29.pdf"), &state), "the same file");
    assert!(!passes(&read("file:///docs/Secret.md"), &state), "the same file, where letter case counts for nothing");
}

/// observed means that nobody is refused.
#[test]
fn an_observed_approval_refuses_nobody() {
    let state = state_of(&CONFIG.replace("$enforcement", "{ approval: observe }"), &[]);
    let ask = Ask::json("/pay", "{}").token(&token(json!([])));
    assert!(passes(&ask, &state), "{:?}", ask.of(&state).outcome);
}

/// Envoy joins repeated headers where it does not send them raw; a service may take the last.
#[test]
fn a_content_type_that_may_be_two_is_none() {
    let state = state();
    let ask = Ask::json("/pay", r#"{"account":1}"#)
        .with("content-type", "application/json;a=b,application/x-www-form-urlencoded")
        .token(&token(json!([{ "type": "pay", "account": 1 }])));
    assert_eq!(ask.refused(&state), Some(Reason::ContentTypeWrong));
}

/// to Go's `encoding/json`, `ẞ` and `ß` are one letter.
#[test]
fn every_pair_that_go_folds_is_folded() {
    let state = state();
    let ask = Ask::json("/pay", "{\"account\":1,\"stra\u{df}e\":1,\"stra\u{1e9e}e\":2}").token(&token(json!([])));
    assert_eq!(ask.refused(&state), Some(Reason::BodyMalformed));
}
