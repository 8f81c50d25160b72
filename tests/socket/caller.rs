//! The caller is the actor: check 8.

use crate::support::tokens::{alice, of};
use crate::support::{Call, Plan, spiffe};

#[tokio::test(flavor = "multi_thread")]
async fn the_mtls_peer_is_the_current_actor_or_the_client_itself() {
    let gate = Plan::new().start();
    let not_actor = "401 invalid_token caller_not_actor";
    let unknown = "401 invalid_token peer_unknown";
    let by_planner = alice();
    let chain = of("alice").actors(["planner", "researcher"]);
    let direct = of("alice").client_id("researcher");
    let stranger = of("alice").client_id("web");
    for (name, token, peer, expected) in [
        ("the actor", &by_planner, spiffe("planner"), "ok"),
        ("another agent with a stolen token", &by_planner, spiffe("researcher"), not_actor),
        ("the service itself", &by_planner, spiffe("invoices"), not_actor),
        ("the current actor", &chain, spiffe("planner"), "ok"),
        ("a prior actor", &chain, spiffe("researcher"), not_actor),
        ("the client, without delegation", &direct, spiffe("researcher"), "ok"),
        ("another client, without delegation", &direct, spiffe("planner"), not_actor),
        ("a client that is no agent", &stranger, spiffe("planner"), "401 invalid_token caller_unbound"),
        ("no mTLS", &by_planner, String::new(), unknown),
        ("no SPIFFE id", &by_planner, "CN=planner".to_owned(), unknown),
        ("another trust domain", &by_planner, "spiffe://other.local/ns/agents/sa/planner".to_owned(), not_actor),
        ("a longer id", &by_planner, format!("{}x", spiffe("planner")), not_actor),
        ("a deeper id", &by_planner, format!("{}/x", spiffe("planner")), not_actor),
        ("a trailing slash", &by_planner, format!("{}/", spiffe("planner")), unknown),
        ("another case", &by_planner, "spiffe://demo.local/ns/agents/sa/Planner".to_owned(), not_actor),
        ("upper-case trust domain", &by_planner, "spiffe://DEMO.local/ns/agents/sa/planner".to_owned(), unknown),
        ("a NUL", &by_planner, format!("{}\0", spiffe("planner")), unknown),
        ("two ids", &by_planner, format!("{},{}", spiffe("planner"), spiffe("researcher")), unknown),
        ("an escape", &by_planner, "spiffe://demo.local/ns/agents/sa/%70lanner".to_owned(), unknown),
        ("a dot segment", &by_planner, "spiffe://demo.local/ns/agents/sa/x/../planner".to_owned(), unknown),
    ] {
        let answer = gate.ask(&Call::get("/bound").bearer(&gate.mint(token)).peer(&peer)).await;
        assert_eq!(answer.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_is_no_peer() {
    let gate = Plan::new().start();
    let forged = format!("URI={}", spiffe("planner"));
    for name in ["x-forwarded-client-cert", "x-spiffe-id", "x-envoy-peer", "x-client-cert"] {
        let call = Call::get("/bound").bearer(&gate.token()).header(name, &forged);
        assert_eq!(gate.ask(&call).await.verdict(), "401 invalid_token peer_unknown", "{name}");
    }
}
