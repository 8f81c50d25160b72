//! The headers that tell the service who calls.

use serde_json::{Value, json};

use crate::support::tokens::{alice, of};
use crate::support::{Call, ISSUER, Plan};

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
        // The token holds `invoices:refund`, too, which the researcher may never use.
        ("x-hopgate-scopes", "invoices:read"),
        ("x-hopgate-service", "invoices"),
        ("x-hopgate-subject", "alice"),
    ];
    let found: Vec<_> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(found, expected);

    let alone = gate.get("/invoices", &gate.mint(&of("alice").actors(["planner"]))).await;
    assert_eq!(alone.header("x-hopgate-scopes"), Some("invoices:read invoices:refund"));

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
