//! Any bytes as the body of a call by an agent with a good token, to an MCP server, to an A2A agent, to a JSON route. What
//! passes has a rule, and readers of other habits (the last of two members, letter case or not) find the same call in it.

#![no_main]

use std::sync::LazyLock;

use hopgate::authz::{Body, Field, Operation, Outcome, ProtocolHeaders, Request, evaluate};
use hopgate::dev::mint::TokenBuilder;
use hopgate_fuzz::{AUDIENCE, ISSUER, KEY, NOW, STATE, now, request};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static AUTHORIZATION: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let token = TokenBuilder::new(ISSUER, "alice", AUDIENCE).scope("invoices:read").actors(["researcher"]);
    let token = token.issued_at(NOW.unsigned_abs()).sign(&KEY).expect("the key signs anything");
    format!("Bearer {token}").into_bytes()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else { return };
    let (target, revision) = match first % 5 {
        0 => ("/mcp", "2026-07-28"),
        1 => ("/mcp", "2025-11-25"),
        2 => ("/a2a", ""),
        3 => ("/a2a/rest/tasks/7:cancel", ""),
        _ => ("/put", ""),
    };
    // As an honest client repeats it in headers; a body that says something else is refused.
    let lax: Value = serde_json::from_slice(body).unwrap_or_default();
    let method = folded(&lax, "method").and_then(Value::as_str).unwrap_or_default().to_owned();
    let params = folded(&lax, "params").cloned().unwrap_or_default();
    let name =
        folded(&params, "name").or(folded(&params, "uri")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let newest = revision == "2026-07-28";
    let header = |value: &'_ str| if newest && !value.is_empty() { Some(value.to_owned()) } else { None };
    let (mcp_method, mcp_name) = (header(&method), header(&name));
    let field = |value: &'static str| if value.is_empty() { Field::Absent } else { Field::Once(value.as_bytes()) };
    let request = Request {
        method: "POST",
        target,
        body: Body::Whole(body),
        headers: ProtocolHeaders {
            content_type: Field::Once(b"application/json"),
            mcp_revision: field(revision),
            mcp_method: mcp_method.as_ref().map_or(Field::Absent, |value| Field::Once(value.as_bytes())),
            mcp_name: mcp_name.as_ref().map_or(Field::Absent, |value| Field::Once(value.as_bytes())),
            ..ProtocolHeaders::default()
        },
        ..request(&AUTHORIZATION)
    };
    let evaluation = evaluate(&STATE.snapshot, &request, now());
    if matches!(evaluation.outcome, Outcome::Refused(_)) {
        return;
    }
    let operation = evaluation.findings.operation.unwrap_or_default();
    match target {
        "/mcp" => passed_mcp(&operation, &method, &name),
        "/a2a" => {
            assert!(matches!(&*operation.method, "SendMessage" | "CancelTask"));
            assert!(matches!(method.as_str(), "SendMessage" | "CancelTask" | "message/send" | "tasks/cancel"));
            let tenant = folded(&params, "tenant").and_then(Value::as_str).unwrap_or_default();
            assert!(matches!(tenant, "" | "acme"), "a tenant of somebody else");
        }
        "/put" => assert!(folded(&lax, "amount").is_some_and(Value::is_number)),
        _ => assert_eq!(&*operation.method, "CancelTask"),
    }
});

fn passed_mcp(operation: &Operation, method: &str, name: &str) {
    // A message without a method answers the server, which no rule allows here.
    assert_eq!(&*operation.method, method);
    match method {
        "tools/call" => {
            assert_eq!(operation.name.as_deref(), Some(name));
            assert!(name.starts_with("search_") || name == "delete_document");
        }
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            assert!(name.starts_with("file:///docs/") && !name.contains(".."));
        }
        _ => assert!(!method.starts_with("prompts/get")),
    }
}

/// The last member that a reader takes for `name` who does not tell letter cases apart.
fn folded<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().rfind(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
