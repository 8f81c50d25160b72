//! The decision record: one line of JSON per decision, its fields frozen.

use aws_lc_rs::digest::{SHA256, digest};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::tokens::{alice, of};
use crate::support::{AUDIENCE, Answer, Call, ISSUER, Plan, spiffe};

/// Their names and order are API.
const FIELDS: [&str; 34] = [
    "time",
    "decision",
    "reason",
    "check",
    "would_deny",
    "enforcement",
    "decision_id",
    "trace_id",
    "request_id",
    "service",
    "route",
    "protocol",
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
    "token_id",
    "scopes_required",
    "scopes_held",
    "acr",
    "auth_time",
    "snapshot",
    "duration_us",
    "seq",
    "prev",
    // Last here; it stands behind `jti` in a record, and only where a token was not verified.
    "claimed",
];

fn fields_in_order(line: &str) -> Vec<String> {
    // `serde_json::Value` sorts; this keeps the order of the line.
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
            "decision": "allow", "reason": null, "check": null, "would_deny": [], "enforcement": "enforce",
            "trace_id": "0af7651916cd43dd8448eb211c80319c", "request_id": "r-1",
            "service": "invoices", "route": "list", "protocol": "http", "method": "GET", "path": "/invoices",
            "peer": spiffe("planner"), "token_verified": true, "issuer": ISSUER, "subject": "alice",
            "client_id": "planner", "actor": "planner", "actor_chain": ["planner", "researcher"],
            "delegation_depth": 2, "audience": [AUDIENCE], "scopes_required": ["invoices:read"],
            "scopes_held": ["invoices:read", "invoices:refund"], "acr": "urn:mfa", "auth_time": 1000,
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
            "enforcement": "enforce", "trace_id": null, "request_id": null, "service": "invoices", "route": "list",
            "protocol": "http", "method": "GET", "path": "/invoices", "peer": null, "token_verified": false,
            "issuer": null, "subject": null, "client_id": null, "actor": null, "actor_chain": [],
            "delegation_depth": 0, "audience": [], "scopes_required": ["invoices:read"], "scopes_held": [],
            "acr": null, "auth_time": null,
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

/// Characters that act on a terminal, hide what stands beside them, or end a line somewhere.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        Just("\r\n{\"decision\":\"allow\"}\n".to_owned()),
        Just("\u{1b}[31m\u{1b}]0;x\u{7}".to_owned()),
        Just("\u{202e}\u{2066}\u{200b}\u{feff}".to_owned()),
        Just("\u{85}\u{2028}\u{2029}\0\u{7f}".to_owned()),
        Just("\"},\\\"".to_owned()),
        Just("%0d%0a,%2c".to_owned()),
        Just("\u{e9}".repeat(3000)),
    ];
    proptest::collection::vec(pieces, 1..4).prop_map(|pieces| pieces.concat())
}

#[derive(Clone, Debug)]
struct Nasty {
    subject: String,
    client: String,
    actor: String,
    jti: String,
    path: String,
    method: String,
    request_id: String,
    peer: String,
    forged: bool,
}

fn calls() -> impl Strategy<Value = Nasty> {
    (nasty(), nasty(), nasty(), nasty(), nasty(), nasty(), nasty(), nasty(), any::<bool>()).prop_map(
        |(subject, client, actor, jti, path, method, request_id, peer, forged)| Nasty {
            subject,
            client,
            actor,
            jti,
            path,
            method,
            request_id,
            peer,
            forged,
        },
    )
}

#[test]
fn no_line_holds_a_token_or_a_character_that_acts() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let gate = runtime.block_on(async { Plan::new().set("/limits/token_bytes", json!(65_536)).start() });
    let gate = std::cell::RefCell::new(gate);
    let config = ProptestConfig { cases: 150, max_shrink_iters: 50, failure_persistence: None, ..Default::default() };
    proptest!(config, |(call in calls(), routed in any::<bool>())| {
        let mut gate = gate.borrow_mut();
        let mut token = gate.mint(
            &alice()
                .claim("sub", json!(call.subject))
                .claim("client_id", json!(call.client))
                .claim("jti", json!(call.jti))
                .claim("acr", json!(call.actor))
                .claim("act", json!({ "sub": "planner", "act": { "sub": call.actor, "iss": call.subject } })),
        );
        if call.forged {
            let keep = token.rfind('.').unwrap();
            token.truncate(keep);
            token.push_str(".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        }
        let (method, path) = if routed { ("GET", "/history") } else { (call.method.as_str(), call.path.as_str()) };
        let ask = Call::new(method, path)
            .bearer(&token)
            .header("x-request-id", &call.request_id)
            .header("traceparent", &call.request_id)
            .peer(&call.peer);
        // Making an `Answer` checks that headers hold printable ASCII only.
        let answer: Answer = runtime.block_on(gate.ask(&ask));
        let record = gate.record(&answer);
        let line = gate.service.lines().pop().unwrap();
        prop_assert!(!line.chars().any(acts), "{line:?}");
        prop_assert!(!text_of(&record).chars().any(acts), "{line:?}");
        prop_assert!(line.len() < 65_536, "{}", line.len());
        let signature = token.rsplit('.').next().unwrap();
        prop_assert!(!line.contains(signature), "{line}");
        for text in answer.metadata.as_object().unwrap().values().filter_map(Value::as_str) {
            prop_assert!(!text.chars().any(acts), "{text:?}");
        }
    });
    let gate = gate.into_inner();
    assert!(!gate.log().contains("panic"), "{}", gate.log());
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, value)| [name.clone(), text_of(value)]).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_holds_a_token() {
    let gate = Plan::new().start();
    let token = gate.token();
    for call in [
        Call::get("/open").bearer(&token),
        Call::get(&format!("/open?access_token={token}")),
        Call::get("/open").header("authorization", format!("Basic {token}")),
        Call::get("/open").bearer(&token).header("authorization", "Bearer x"),
        Call::get("/open").header("cookie", &token),
    ] {
        gate.ask(&call).await;
    }
    let said = format!("{}{}", gate.service.lines().concat(), gate.log());
    for part in token.split('.') {
        assert!(!said.contains(part), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_say_who_calls_and_can_be_read_one_way_only() {
    let gate = Plan::new().start();
    let answer = gate.get("/invoices", &gate.mint(&of("alice").actors(["planner", "researcher"]))).await;
    let expected = [
        ("x-hopgate-actor", "planner"),
        ("x-hopgate-actor-chain", "planner,researcher"),
        ("x-hopgate-client-id", "planner"),
        ("x-hopgate-decision-id", answer.decision_id()),
        ("x-hopgate-issuer", ISSUER),
        ("x-hopgate-route", "list"),
        ("x-hopgate-scopes", "invoices:read invoices:refund"),
        ("x-hopgate-service", "invoices"),
        ("x-hopgate-subject", "alice"),
    ];
    let found: Vec<_> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);

    // Two subjects that differ must differ in the header too, after any server has trimmed it.
    let seen = async |subject: &str| {
        let answer = gate.get("/open", &gate.mint(&alice().claim("sub", json!(subject)))).await;
        answer.header("x-hopgate-subject").map(|value| value.trim().to_owned())
    };
    let mut known = std::collections::HashMap::new();
    for subject in
        ["alice", " alice", "alice ", "\talice", "a,b", "a%2Cb", "alice\0", "al\u{ef}ce", "al%C3%AFce", "a b", "a  b"]
    {
        if let Some(header) = seen(subject).await {
            let before = known.insert(header.clone(), subject);
            assert_eq!(before, None, "`{header}` is {subject:?} as well");
        }
    }
    // Nor may one chain look like another.
    let chain = async |act: Value| {
        let answer = gate.get("/history", &gate.mint(&alice().claim("act", act))).await;
        answer.header("x-hopgate-actor-chain").expect("a chain").to_owned()
    };
    let one = chain(json!({ "sub": "planner", "act": { "sub": "b", "iss": "https://x" } })).await;
    let two = chain(json!({ "sub": "planner", "act": { "sub": "https://x#b" } })).await;
    assert_ne!(one, two, "an actor named by its issuer, and one whose name only looks so");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_pretend_to_be_ours_are_taken_off_under_every_spelling() {
    let gate = Plan::new().start();
    let forged = [
        "x-hopgate-foo",
        "x-hopgate-",
        "x_hopgate_subject",
        "x-hopgate_subject",
        "X-Hopgate-Actor",
        "X_HOPGATE-SCOPES",
        "x-hopgate-approved-by",
    ];
    let call = forged.iter().fold(Call::get("/open").bearer(&gate.token()), |call, name| call.header(name, "mallory"));
    let answer = gate.ask(&call).await;
    for name in forged {
        assert!(answer.removed.iter().any(|removed| removed == name), "{name}: {:?}", answer.removed);
    }
    assert!(answer.removed.iter().any(|name| name == "authorization"), "{:?}", answer.removed);
    assert!(answer.removed.iter().any(|name| name == "dpop"), "{:?}", answer.removed);
    for name in ["x-hopgate", "x-hopgat-subject", "hopgate-subject"] {
        assert!(!answer.removed.iter().any(|removed| removed == name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_headers_can_be_left_out_and_are_then_all_taken_off() {
    let gate = Plan::new().set("/upstream", json!({ "identity_headers": false, "forward_token": true })).start();
    let answer = gate.get("/open", &gate.token()).await;
    assert_eq!(answer.headers.keys().collect::<Vec<_>>(), ["x-hopgate-decision-id"]);
    for name in ["subject", "actor", "actor-chain", "client-id", "scopes", "issuer", "service", "route"] {
        let name = format!("x-hopgate-{name}");
        assert!(answer.removed.contains(&name), "{name}");
    }
    assert!(!answer.removed.iter().any(|name| name == "authorization"));
}
