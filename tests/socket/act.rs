//! The chain of actors: STANDARDS section 2.3 and section 12, 61 to 74.

use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};

use crate::support::tokens::{alice, of, with};
use crate::support::{Gate, ISSUER, Plan};

const MALFORMED: &str = "401 invalid_token act_malformed";

async fn verdict(gate: &Gate, path: &str, token: &TokenBuilder) -> String {
    gate.get(path, &gate.mint(token)).await.verdict()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_act_is_never_read_as_not_delegated() {
    let gate = Plan::new().start();
    for act in [
        Value::Null,
        json!("planner"),
        json!(["planner"]),
        json!([{ "sub": "planner" }]),
        json!(7),
        json!(false),
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": ["planner"] }),
        json!({ "sub": null }),
        json!({ "iss": ISSUER }),
        json!({ "client_id": "planner" }),
        json!({ "sub": "planner", "iss": "" }),
        json!({ "sub": "planner", "iss": 7 }),
        json!({ "sub": "planner", "iss": null }),
        json!({ "sub": "planner", "act": null }),
        json!({ "sub": "planner", "act": "researcher" }),
        json!({ "sub": "planner", "act": {} }),
        json!({ "sub": "planner", "act": [] }),
        json!({ "sub": "planner", "act": { "sub": "" } }),
        json!({ "sub": "planner", "act": { "act": { "sub": "researcher" } } }),
    ] {
        // `/direct` wants no actor and `/open` needs none: neither takes this for the absence of one.
        for path in ["/open", "/direct", "/history", "/acted"] {
            assert_eq!(verdict(&gate, path, &with("act", act.clone())).await, MALFORMED, "{path} {act}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delegation_depth_is_an_inclusive_limit() {
    let gate = Plan::new().start();
    let exceeded = "403 actor_unauthorized depth_exceeded";
    for (path, actors, expected) in [
        ("/open", &[][..], "ok"),
        ("/open", &["planner"], "ok"),
        ("/open", &["planner", "researcher"], "ok"),
        ("/open", &["planner", "researcher", "planner"], exceeded),
        ("/direct", &[], "ok"),
        ("/direct", &["planner"], exceeded),
        ("/acted", &[], "401 invalid_token actor_required"),
        ("/acted", &["planner"], "ok"),
        ("/history", &["planner", "a", "b", "c"], "ok"),
        ("/history", &["planner", "a", "b", "c", "d"], exceeded),
    ] {
        let token = of("alice").actors(actors.iter().copied());
        assert_eq!(verdict(&gate, path, &token).await, expected, "{path} {actors:?}");
    }
    let many: Vec<String> = (0..33).map(|n| if n == 0 { "planner".to_owned() } else { format!("a{n}") }).collect();
    assert_eq!(verdict(&gate, "/deep", &of("alice").actors(many.iter().take(32).cloned())).await, "ok");
    assert_eq!(verdict(&gate, "/deep", &of("alice").actors(many)).await, exceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_actor_must_be_allowed_and_a_prior_one_only_narrows() {
    let gate = Plan::new().start();
    let current = "403 actor_unauthorized actor_not_allowed";
    let prior = "403 actor_unauthorized prior_actor_not_allowed";
    for (path, actors, expected) in [
        ("/open", &["stranger"][..], current),
        ("/open", &["Planner"], current),
        ("/open", &["planner "], current),
        ("/open", &["planner\0"], current),
        ("/open", &["pl\u{430}nner"], current),
        ("/open", &["alice"], current),
        ("/open", &["stranger", "planner"], current),
        ("/open", &["planner", "stranger"], prior),
        // RFC 8693 section 4.1: "prior actors … are informational only".
        ("/history", &["planner", "stranger"], "ok"),
        ("/history", &["researcher", "planner"], current),
        ("/by-planner", &["planner", "researcher"], "ok"),
        ("/by-planner", &["planner"], "ok"),
        ("/by-planner", &["researcher"], current),
        ("/by-planner", &["researcher", "planner"], current),
        ("/by-planner", &["planner", "invoices"], prior),
    ] {
        let token = of("alice").actors(actors.iter().copied());
        assert_eq!(verdict(&gate, path, &token).await, expected, "{path} {actors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_in_no_circle() {
    let gate = Plan::new().set("/services/0/delegation/max_depth", json!(4)).start();
    let repeated = "403 actor_unauthorized actor_repeated";
    let itself = "403 actor_unauthorized service_in_chain";
    for (path, actors, expected) in [
        ("/open", &["planner", "planner"][..], repeated),
        ("/open", &["planner", "researcher", "planner"], repeated),
        ("/history", &["planner", "x", "x"], repeated),
        ("/open", &["invoices"], itself),
        ("/open", &["planner", "invoices"], itself),
        ("/history", &["planner", "invoices", "researcher"], itself),
    ] {
        let token = of("alice").actors(actors.iter().copied());
        assert_eq!(verdict(&gate, path, &token).await, expected, "{path} {actors:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_its_sub_under_its_iss_and_nothing_else_about_it_counts() {
    let gate = Plan::new().start();
    for (act, expected) in [
        (json!({ "sub": "planner", "iss": ISSUER }), "ok"),
        (json!({ "sub": "planner", "iss": "https://other.demo.local" }), "403 actor_unauthorized actor_not_allowed"),
        (json!({ "sub": "planner", "iss": format!("{ISSUER}/") }), "403 actor_unauthorized actor_not_allowed"),
        // RFC 8693 section 4.1: `exp`, `nbf` and `aud` "are not meaningful when used within an act claim".
        (json!({ "sub": "planner", "exp": 1, "aud": "https://other.demo.local", "nbf": 99_999_999_999_i64 }), "ok"),
        (json!({ "sub": "planner", "cnf": { "jkt": "x" }, "scope": "admin" }), "ok"),
        (json!({ "sub": "planner", "act": { "sub": "planner", "iss": "https://other.demo.local" } }), {
            "403 actor_unauthorized prior_actor_not_allowed"
        }),
    ] {
        assert_eq!(verdict(&gate, "/acted", &with("act", act.clone())).await, expected, "{act}");
    }
    let other = json!({ "sub": "planner", "act": { "sub": "planner", "iss": "https://other.demo.local" } });
    assert_eq!(verdict(&gate, "/history", &with("act", other)).await, "ok", "another `iss`, so another actor");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_claims_name_no_actor() {
    let gate = Plan::new().start();
    for claim in ["actor", "principal", "actchain", "actor_chain", "may_act", "azp", "Act", "obo"] {
        let token = of("alice").claim(claim, json!({ "sub": "planner" }));
        assert_eq!(verdict(&gate, "/acted", &token).await, "401 invalid_token actor_required", "{claim}");
        assert_eq!(verdict(&gate, "/direct", &token).await, "ok", "{claim}");
    }
    let other_client = alice().client_id("researcher");
    assert_eq!(verdict(&gate, "/open", &other_client).await, "ok", "`client_id` need not be the current actor");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_pairs_of_subject_and_actor_pass() {
    let gate = Plan::new().start();
    let pair = "403 actor_unauthorized pair_not_allowed";
    for (subject, actor, expected) in
        [("alice", "planner", "ok"), ("bob", "planner", pair), ("alice", "researcher", pair), ("*", "planner", pair)]
    {
        let token = of(subject).actors([actor]);
        assert_eq!(verdict(&gate, "/paired", &token).await, expected, "{subject} {actor}");
    }
    assert_eq!(
        verdict(&gate, "/paired", &of("bob")).await,
        "401 invalid_token actor_required",
        "pairs ask for an actor"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_in_the_chain_reaches_above_its_ceiling() {
    let gate = Plan::new().start();
    let above = "403 insufficient_scope scope_above_ceiling";
    for (name, token, expected) in [
        ("planner may refund", of("alice").actors(["planner"]), "ok"),
        ("researcher may not", of("alice").actors(["researcher"]), above),
        ("not with the planner before it", of("alice").actors(["researcher", "planner"]), above),
        ("nor when it was before the planner", of("alice").actors(["planner", "researcher"]), above),
        ("nor as a client on its own", of("researcher").client_id("researcher"), above),
        ("a client that is no agent has no ceiling", of("alice").client_id("web"), "ok"),
    ] {
        let answer = gate.ask(&crate::support::Call::refund(&gate.mint(&token))).await;
        assert_eq!(answer.verdict(), expected, "{name}");
    }
}
