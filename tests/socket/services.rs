//! Which service a call is for: the operator says, never the caller.

use serde_json::json;

use crate::support::tokens::alice;
use crate::support::{Call, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn several_services_are_told_apart_by_the_operators_word_alone() {
    let plan = Plan::new().edit(|config| {
        let mut research = config["services"][0].clone();
        research["name"] = json!("research");
        research["audience"] = json!("https://research.demo.local");
        config["services"].as_array_mut().unwrap().push(research);
    });
    let gate = plan.start();
    let token = gate.token();
    let research = gate.mint(&alice().audiences(["https://research.demo.local"]));
    let unknown = "403 access_denied service_unknown";
    let mismatch = "401 invalid_token audience_mismatch";
    let call = |token: &str| Call::get("/open").bearer(token);
    for (name, call, expected) in [
        ("its own", call(&token).service("invoices"), "ok"),
        ("the other's token", call(&research).service("invoices"), mismatch),
        ("the other", call(&research).service("research"), "ok"),
        ("this token at the other", call(&token).service("research"), mismatch),
        ("none named", call(&token), unknown),
        ("an unknown one", call(&token).service("admin"), unknown),
        ("an empty one", call(&token).service(""), unknown),
        ("another case", call(&token).service("Invoices"), unknown),
        ("by host", call(&token).header("host", "invoices.demo.local"), unknown),
        ("by authority", call(&token).header(":authority", "invoices.demo.local"), unknown),
    ] {
        assert_eq!(gate.ask(&call).await.verdict(), expected, "{name}");
    }
    // A token claimed at one service is not thereby used at another.
    let both = gate.mint(&alice().audiences(["https://invoices.demo.local", "https://research.demo.local"]));
    for (service, expected) in
        [("invoices", "ok"), ("research", "ok"), ("invoices", "401 invalid_token token_replayed")]
    {
        assert_eq!(gate.ask(&Call::refund(&both).service(service)).await.verdict(), expected, "{service}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_service_needs_no_name_but_a_wrong_one_is_refused() {
    let gate = Plan::new().start();
    let call = Call::get("/open").bearer(&gate.token());
    assert_eq!(gate.ask(&call).await.verdict(), "ok");
    assert_eq!(gate.ask(&call.clone().service("invoices")).await.verdict(), "ok");
    assert_eq!(gate.ask(&call.service("research")).await.verdict(), "403 access_denied service_unknown");
}
