//! No record, log line or header holds a token, or a character that acts on whoever reads it.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::tokens::alice;
use crate::support::{Answer, Call, Plan};

/// Characters that act on a terminal, hide what stands beside them, or end a line somewhere.
pub(super) fn acts(c: char) -> bool {
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

/// Every text in it, names too.
pub(super) fn text_of(value: &Value) -> String {
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
