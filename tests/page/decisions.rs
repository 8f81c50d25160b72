//! What a person finds on the page, and how they get there.

use serde_json::{Value, json};

use super::stage::Stage;

const EVERY: [&str; 14] = [
    "request",
    "route",
    "credential",
    "token",
    "audience",
    "revocation",
    "delegation",
    "caller",
    "sender",
    "scopes",
    "step_up",
    "approval",
    "policy",
    "replay",
];

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_shown_as_they_happen_filtered_and_opened() {
    let found = Stage::new().visit("decisions");
    assert_eq!(found["first"], "No decision yet.");
    assert_eq!(found["list"], json!(found["newest_first"]), "the newest stands on top");
    assert_eq!(found["kinds"], json!({ "all": "6", "deny": "4", "would": "1", "allow": "2", "answer": "0" }));
    assert_eq!(
        found["agents"],
        json!(["any", "planner (4)", "researcher (1)", "stranger (1)"]),
        "no forgery among them"
    );
    assert_eq!(found["by_agent"], json!(["refuse the chain"]));
    assert_eq!(found["by_text"], json!(["refuse the chain"]));
    assert_eq!(found["by_would"], json!(["would refuse"]));
    assert_eq!(found["if_enforced"], json!(["caller_not_actor"]));
    assert_eq!(found["groups"].as_array().map(Vec::len), Some(4), "{}", found["groups"]);
    assert_eq!(found["while_paused"], 6);
    assert_eq!(found["resumed"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_decision_has_the_verdict_of_every_check_and_every_field() {
    let found = Stage::new().visit("opened");
    for (deed, refused, reached) in [
        ("refuse the chain", Some(("scopes", "refused", "scope_above_ceiling")), 10),
        ("would refuse", Some(("caller", "would have refused", "caller_not_actor")), 14),
        ("refuse a forgery", Some(("token", "refused", "signature_invalid")), 4),
        ("allow", None, 14),
    ] {
        let opened = &found[deed];
        let verdicts = opened["verdicts"].as_array().unwrap();
        let names: Vec<_> = verdicts.iter().map(|verdict| verdict["name"].as_str().unwrap()).collect();
        assert_eq!(names, EVERY, "{deed}");
        let record = &opened["record"];
        let says = |list: &str, name: &str| record[list].as_array().unwrap().contains(&json!(name));
        for (at, verdict) in verdicts.iter().enumerate() {
            let (name, told) = (EVERY[at], verdict["verdict"].as_str().unwrap());
            let wanted = match refused {
                Some((check, verdict, _)) if check == name => verdict,
                _ if says("passed", name) => "passed",
                _ if says("not_asked", name) => "nothing asked",
                _ => "not reached",
            };
            assert_eq!(told, wanted, "{deed}: {name}");
            assert_eq!(told == "not reached", at >= reached, "{deed}: {name}");
            let reason = refused.filter(|(check, ..)| *check == name).map_or("", |(_, _, reason)| reason);
            assert_eq!(verdict["reason"], reason, "{deed}: {name}");
        }
        let mut fields: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(opened["fields"], json!(fields), "{deed}");
    }
    assert_eq!(
        found["refuse the chain"]["chain"],
        json!(["bob, subject", "planner, actor", "researcher, acts now", "invoices, service"])
    );
    let claimed = &found["refuse a forgery"];
    assert_eq!(claimed["chain"], json!(["alice, subject, claimed", "planner, acts now, claimed", "invoices, service"]));
    assert!(claimed["doubt"].as_str().unwrap().contains("Do not believe it"), "{claimed}");
    assert_eq!(found["allow"]["doubt"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_done_from_the_keyboard() {
    let mut stage = Stage::new();
    let found = stage.visit("keyboard");
    for (what, wanted) in found["wanted"].as_object().unwrap() {
        assert_eq!(found["found"][what], *wanted, "{what}");
    }
    assert_eq!(found["copied"], found["wanted"]["opened"], "the id is in the clipboard");
}
