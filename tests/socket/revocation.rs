//! Check 6, the kill switch: in force within a second, for tokens that were verified before too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hopgate::authz::VerifiedTokens;
use hopgate::config;
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::{Live, State};
use serde_json::{Value, json};

use crate::support::plan::replace_file;
use crate::support::tokens::{alice, of};
use crate::support::{Answer, Call, Gate, ISSUER, Plan};

fn start(list: &Value) -> Gate {
    let plan = Plan::new().set("/revocations", json!({ "file": "revoked.yaml" }));
    write(&plan, list);
    plan.start()
}

fn write(plan: &Plan, list: &Value) {
    replace_file(&plan.dir.root().join("revoked.yaml"), &json!({ "revoked": list }).to_string());
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn rfc3339(secs: u64) -> String {
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + Duration::from_secs(secs)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_refused_and_what_is_not_passes() {
    let deep = || of("alice").actors(["researcher", "planner"]);
    let cases: Vec<(Value, TokenBuilder, bool)> = vec![
        (json!({ "jti": "stolen" }), alice().claim("jti", json!("stolen")), true),
        (json!({ "jti": "stolen" }), alice(), false),
        (json!({ "jti": "stolen", "issuer": ISSUER }), alice().claim("jti", json!("stolen")), true),
        (json!({ "jti": "stolen", "issuer": "https://else" }), alice().claim("jti", json!("stolen")), false),
        (json!({ "subject": "alice" }), alice(), true),
        (json!({ "subject": "alice" }), of("bob").actors(["planner"]), false),
        (json!({ "subject": "planner" }), alice(), false),
        (json!({ "actor": "researcher" }), deep(), true),
        (json!({ "actor": "planner" }), deep(), true),
        (json!({ "actor": "researcher" }), alice(), false),
        (json!({ "actor": "planner" }), of("alice"), true),
        (json!({ "client": "planner" }), alice(), true),
        (json!({ "client": "researcher" }), deep(), false),
        (json!({ "issued_before": rfc3339(now() + 600) }), alice(), true),
        (json!({ "issued_before": rfc3339(now() - 600) }), alice(), false),
        (json!({ "issued_before": rfc3339(now() - 100) }), alice().issued_at(now() - 200), true),
        (json!({ "subject": "alice", "issued_before": rfc3339(now() - 600) }), alice(), false),
        (json!({ "subject": "alice", "actor": "researcher" }), alice(), false),
        (json!({ "issuer": ISSUER, "note": "all of it" }), alice(), true),
    ];
    for (entry, token, revoked) in cases {
        let gate = start(&json!([entry]));
        let answer = gate.get("/deep", &gate.mint(&token)).await;
        let expected = if revoked { "401 invalid_token revoked" } else { "ok" };
        assert_eq!(answer.verdict(), expected, "{entry} against {}", token.claims());
    }
}

/// How long until `token` is refused as revoked, or passes again.
async fn until(gate: &Gate, token: &str, revoked: bool) -> (Duration, Answer) {
    let started = Instant::now();
    loop {
        let answer = gate.ask(&Call::get("/invoices").bearer(token)).await;
        if (answer.reason == "revoked") == revoked {
            return (started.elapsed(), answer);
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{}", answer.verdict());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_force_within_a_second_also_for_a_token_seen_before() {
    let mut gate = start(&json!([]));
    let token = gate.token();
    assert!(gate.get("/invoices", &token).await.allowed());
    write(&gate.plan, &json!([{ "subject": "alice" }]));
    let (took, answer) = until(&gate, &token, true).await;
    println!("revoked after {took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(answer.challenge().contains("error_description=\"The access token was revoked\""));
    let record = gate.record(&answer);
    assert_eq!((&record["subject"], &record["check"]), (&json!("alice"), &json!("revocation")));
    assert!(record["revocations"].is_string());
    write(&gate.plan, &json!([]));
    let (took, _) = until(&gate, &token, false).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_works_when_the_configuration_on_disk_does_not() {
    let gate = start(&json!([]));
    let token = gate.token();
    replace_file(&gate.plan.file(), "listen: [");
    gate.until_metric("hopgate_config_current", 0.0).await;
    write(&gate.plan, &json!([{ "subject": "alice" }]));
    let (took, _) = until(&gate, &token, true).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_can_not_be_read_keeps_the_last_good_one_and_says_so() {
    let gate = start(&json!([{ "subject": "alice" }]));
    let token = gate.token();
    let file = gate.plan.dir.root().join("revoked.yaml");
    for bad in ["", "revoked:", "revoked: [{}]", "revoked: [{ subjcet: alice }]", "revoked: [{ jti: 7 }]", "\u{0}"] {
        replace_file(&file, bad);
        gate.until_metric("hopgate_revocations_current", 0.0).await;
        assert_eq!(gate.get("/invoices", &token).await.reason, "revoked", "{bad:?}");
        write(&gate.plan, &json!([{ "subject": "alice" }]));
        gate.until_metric("hopgate_revocations_current", 1.0).await;
    }
    std::fs::remove_file(&file).unwrap();
    gate.until_metric("hopgate_revocations_current", 0.0).await;
    assert_eq!(gate.get("/invoices", &token).await.reason, "revoked");
    assert!(gate.log().contains("the last good one stays"), "{}", gate.log());
}

/// A reload that read the list before it changed must not take the kill switch's newer one back.
#[test]
fn a_reload_does_not_bring_an_older_list_back() {
    let plan = Plan::new().set("/revocations", json!({ "file": "revoked.yaml" }));
    let list = plan.dir.root().join("revoked.yaml");
    replace_file(&list, "revoked: []");
    plan.write();
    let settings = config::load(&plan.file()).unwrap();
    let verified = || Arc::new(VerifiedTokens::with_capacity(16));
    let live = Live::new(State::first(&settings, verified()).unwrap());
    replace_file(&list, "revoked: [{ subject: alice }]");
    live.set_revocations(&list, config::load_revocations(&list).unwrap());
    assert_eq!(live.load().snapshot.revocations.len(), 1);
    // `Reloader::take`, with what it loaded a moment ago.
    live.replace(|state| state.next(&settings, verified()));
    assert_eq!(live.load().snapshot.revocations.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_stopped_by_the_name_the_operator_gave_it_too() {
    let plan = Plan::new()
        .set("/revocations", json!({ "file": "revoked.yaml" }))
        .set("/agents/0/subject", json!("client-4711"));
    write(&plan, &json!([{ "actor": "planner" }]));
    let gate = plan.start();
    let by_chain = of("alice").client_id("app").actors(["researcher", "client-4711"]);
    let by_client = of("alice").client_id("client-4711");
    for token in [by_chain, by_client] {
        assert_eq!(gate.get("/deep", &gate.mint(&token)).await.reason, "revoked", "{}", token.claims());
    }
    assert!(gate.get("/deep", &gate.mint(&of("alice").client_id("app").actors(["researcher"]))).await.allowed());
}
