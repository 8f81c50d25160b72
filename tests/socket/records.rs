//! The decision record: one line of JSON per decision, its fields frozen.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::tokens::of;
use crate::support::{AUDIENCE, Call, ISSUER, Plan, spiffe};

/// Their names and order are API.
const FIELDS: [&str; 47] = [
    "time",
    "decision",
    "reason",
    "check",
    "would_deny",
    "passed",
    "not_asked",
    "enforcement",
    "decision_id",
    "trace_id",
    "parent_span_id",
    "trace_sampled",
    "request_id",
    "service",
    "route",
    "risk",
    "protocol",
    "operation",
    "operation_name",
    "tenant",
    "method",
    "path",
    "peer",
    "token_verified",
    "issuer",
    "subject",
    "client_id",
    "actor",
    "actor_chain",
    "delegation_depth",
    "audience",
    "jti",
    "client_type",
    "token_id",
    "scheme",
    "bound_to",
    "scopes_required",
    "scopes_held",
    "acr",
    "auth_time",
    "policies",
    "snapshot",
    "revocations",
    "duration_us",
    "seq",
    "prev",
    // Last here; it stands behind `jti` in a record, and only where a token was not verified.
    "claimed",
];

fn fields_in_order(line: &str) -> Vec<String> {
    // Whether `serde_json::Value` sorts is up to what else is built; this keeps the order of the line.
    let mut names = Vec::new();
    let (mut depth, mut in_text, mut escaped, mut text) = (0, false, false, String::new());
    for c in line.chars() {
        match (in_text, c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (true, '"') => in_text = false,
            (true, _) => text.push(c),
            (false, '"') => {
                in_text = true;
                text.clear();
            }
            (false, ':') if depth == 1 => names.push(text.clone()),
            (false, '{' | '[') => depth += 1,
            (false, '}' | ']') => depth -= 1,
            (false, _) => {}
        }
    }
    names
}

fn steady(mut record: Value) -> Value {
    for name in ["time", "decision_id", "jti", "token_id", "snapshot", "duration_us", "prev", "seq"] {
        assert!(record[name].is_string() || record[name].is_u64() || name == "jti" || name == "token_id", "{name}");
        record.as_object_mut().unwrap().remove(name);
    }
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_an_allow_has_these_fields() {
    let mut gate = Plan::new().start();
    let token = gate.mint(
        &of("alice").actors(["planner", "researcher"]).claim("acr", json!("urn:mfa")).claim("auth_time", json!(1000)),
    );
    let call = Call::get("/invoices?secret=marker")
        .bearer(&token)
        .peer(&spiffe("planner"))
        .header("x-request-id", "r-1")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let answer = gate.ask(&call).await;
    let record = gate.record(&answer);
    let line = gate.service.lines().into_iter().next().unwrap();
    let expected: Vec<_> = FIELDS.into_iter().filter(|name| *name != "claimed").collect();
    assert_eq!(fields_in_order(&line), expected);
    assert_eq!(
        steady(record),
        json!({
            "decision": "allow", "reason": null, "check": null, "would_deny": [],
            "passed": ["request", "route", "credential", "token", "audience", "revocation", "delegation", "scopes"],
            "not_asked": ["caller", "sender", "step_up", "approval", "policy", "replay"], "enforcement": "enforce",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_span_id": "b7ad6b7169203331", "trace_sampled": true,
            "request_id": "r-1",
            "service": "invoices", "route": "list", "risk": null, "scheme": "Bearer", "bound_to": [], "revocations": null,
            "protocol": "http", "operation": null, "operation_name": null, "tenant": null, "method": "GET", "path": "/invoices",
            "peer": spiffe("planner"), "token_verified": true, "issuer": ISSUER, "subject": "alice",
            "client_id": "planner", "actor": "planner", "actor_chain": ["planner", "researcher"],
            "delegation_depth": 2, "audience": [AUDIENCE], "scopes_required": ["invoices:read"],
            "scopes_held": ["invoices:read", "invoices:refund"], "acr": "urn:mfa", "auth_time": 1000,
            "client_type": "agent", "policies": [],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_deny_holds_what_was_verified_by_then_and_marks_what_was_not() {
    let mut gate = Plan::new().start();
    let forged = {
        let (input, signature) = (gate.token(), gate.token());
        format!("{}.{}", input.rsplit_once('.').unwrap().0, signature.rsplit_once('.').unwrap().1)
    };
    let answer = gate.get("/invoices", &forged).await;
    let mut record = gate.record(&answer);
    let line = gate.service.lines().into_iter().next().unwrap();
    let mut sorted = fields_in_order(&line);
    sorted.sort_unstable();
    let mut expected = FIELDS.to_vec();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    record["claimed"].as_object_mut().unwrap().remove("jti").expect("an id");
    assert_eq!(
        steady(record),
        json!({
            "decision": "deny", "reason": "signature_invalid", "check": "token", "would_deny": [],
            "passed": ["request", "route", "credential"], "not_asked": [],
            "enforcement": "enforce", "trace_id": null, "parent_span_id": null,
            "trace_sampled": null, "request_id": null, "service": "invoices", "route": "list",
            "risk": null, "scheme": "Bearer", "bound_to": [], "revocations": null,
            "protocol": "http", "operation": null, "operation_name": null, "tenant": null,
            "method": "GET", "path": "/invoices", "peer": null, "token_verified": false,
            "issuer": null, "subject": null, "client_id": null, "actor": null, "actor_chain": [],
            "delegation_depth": 0, "audience": [], "scopes_required": ["invoices:read"], "scopes_held": [],
            "acr": null, "auth_time": null, "client_type": null, "policies": [],
            "claimed": {
                "issuer": ISSUER, "subject": "alice", "client_id": "planner", "actor": "planner",
                "actor_chain": ["planner"], "delegation_depth": 1, "audience": [AUDIENCE],
            },
        })
    );
    let answer = gate.get("/invoices", &gate.mint(&of("alice").actors(["stranger"]))).await;
    let record = gate.record(&answer);
    assert_eq!((&record["token_verified"], &record["actor"]), (&json!(true), &json!("stranger")));
    assert_eq!(record.get("claimed"), None);
    assert_eq!(record["scopes_held"], json!(["invoices:read", "invoices:refund"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_numbered_and_chained_without_a_gap() {
    let gate = Plan::new().start();
    for path in ["/open", "/nowhere", "//", "/invoices", "/open"] {
        gate.get(path, &gate.token()).await;
    }
    crate::support::eventually("five records", async || (gate.service.lines().len() == 5).then_some(())).await;
    let mut prev = "0".repeat(64);
    for (at, line) in gate.service.lines().iter().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!((record["seq"].as_u64(), record["prev"].as_str()), (Some(at as u64 + 1), Some(prev.as_str())));
        prev = sha256(line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_id_of_a_record_is_a_digest() {
    let mut gate = Plan::new().start();
    let token = gate.token();
    let answer = gate.get("/open", &token).await;
    let hash = sha256(&token);
    assert_eq!(gate.record(&answer)["token_id"], hash[..32]);
}

fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
