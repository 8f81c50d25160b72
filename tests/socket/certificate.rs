//! Check 9 for certificates (RFC 8705): the connection proves whose token it is.

use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use crate::support::certificate::{CERTIFICATE, THUMBPRINT, XFCC_HASH};
use crate::support::tokens::{alice, segment};
use crate::support::{Call, Plan, spiffe};

fn certificate_bound() -> TokenBuilder {
    alice().claim("cnf", json!({ "x5t#S256": THUMBPRINT }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_rfc_8705_is_the_one_its_token_is_bound_to() {
    let mut gate = Plan::new().start();
    let token = gate.mint(&certificate_bound());
    let shown = gate.ask(&Call::get("/invoices").bearer(&token).certificate(CERTIFICATE)).await;
    assert_eq!(shown.verdict(), "ok");
    assert_eq!(gate.record(&shown)["bound_to"], json!(["mtls"]));
    assert_eq!(gate.get("/invoices", &token).await.verdict(), "401 invalid_token certificate_missing");
    let other = gate.mint(&alice().claim("cnf", json!({ "x5t#S256": segment([7; 32]) })));
    let answer = gate.ask(&Call::get("/invoices").bearer(&other).certificate(CERTIFICATE)).await;
    assert_eq!(answer.verdict(), "401 invalid_token certificate_mismatch");
    let spoiled = gate.ask(&Call::get("/invoices").bearer(&token).certificate("no PEM")).await;
    assert_eq!(spoiled.reason, "certificate_missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_certificate_counts_only_from_whom_the_operator_trusts() {
    let hop = spiffe("gateway");
    // It only has to be another than the client's.
    let gateway = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let xfcc = format!("By=x;Hash={XFCC_HASH};URI=spiffe://demo.local/ns/agents/sa/planner");
    let through = |peer: &str, token: &str| {
        Call::get("/invoices").bearer(token).peer(peer).header("x-forwarded-client-cert", &xfcc)
    };
    let gate = Plan::new().start();
    let token = gate.mint(&certificate_bound());
    assert_eq!(gate.ask(&through(&hop, &token)).await.reason, "certificate_missing", "nobody is trusted by default");

    let gate = Plan::new().set("/forwarded_client_cert/trusted_hops", json!([hop])).start();
    let token = gate.mint(&certificate_bound());
    assert_eq!(gate.ask(&through(&hop, &token).certificate(gateway)).await.verdict(), "ok");
    let unreported = gate.ask(&through(&hop, &token)).await;
    assert_eq!(unreported.reason, "certificate_missing", "the hop itself can't be told from its clients");
    let another = through(&spiffe("planner"), &token);
    assert_eq!(gate.ask(&another).await.reason, "certificate_missing");
    assert_eq!(gate.ask(&another.certificate(gateway)).await.reason, "certificate_mismatch");
    assert_eq!(gate.ask(&through("", &token)).await.reason, "certificate_missing");
    let twice = through(&hop, &token).certificate(gateway).header("x-forwarded-client-cert", "Hash=00");
    assert_eq!(gate.ask(&twice).await.reason, "certificate_missing");

    let gate = Plan::new().set("/forwarded_client_cert/set_by_envoy", json!(true)).start();
    let token = gate.mint(&certificate_bound());
    assert_eq!(gate.ask(&through("", &token)).await.verdict(), "ok");
}

/// A token bound to the gateway's own certificate leaked; a stranger without any certificate sends
/// it through the gateway. Envoy takes the header off a connection without a client certificate.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_no_certificate_to_a_hop_has_not_shown_the_hops() {
    let hop = spiffe("gateway");
    let gate = Plan::new().set("/forwarded_client_cert/trusted_hops", json!([hop])).start();
    let token = gate.mint(&alice().claim("cnf", json!({ "x5t#S256": THUMBPRINT })));
    let through = || Call::get("/invoices").bearer(&token).peer(&hop).certificate(CERTIFICATE);
    let of_hop = format!("By=us;Hash={XFCC_HASH};URI={hop}");
    let mut found = Vec::new();
    for call in [
        through(),
        through().header("x-forwarded-client-cert", &of_hop),
        // A client of a hop in APPEND_FORWARD starts the header, and can spoil it at will.
        through().header("x-forwarded-client-cert", format!("x=\",By=gw;Hash={};URI=evil,{of_hop}", "0a".repeat(32))),
    ] {
        found.push(gate.ask(&call).await.verdict());
    }
    assert_eq!(found, ["401 invalid_token certificate_missing"; 3]);
}

/// Envoy writes `Subject="…"` in RFC 2253, so a quote in a name is `\"`. Started inside a quote by
/// the client's own header, the end of the subject opens no quote, and the true hash is swallowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_can_not_quote_its_own_hash_away() {
    let gate = Plan::new().set("/forwarded_client_cert/set_by_envoy", json!(true)).start();
    let token = gate.mint(&alice().claim("cnf", json!({ "x5t#S256": THUMBPRINT })));
    let by_client = format!("Hash={XFCC_HASH};x=\"");
    let by_envoy = format!("By=us;Hash={};Subject=\"CN=a\\\"b\";URI=spiffe://demo.local/evil", "0a".repeat(32));
    let call =
        Call::get("/invoices").bearer(&token).header("x-forwarded-client-cert", format!("{by_client},{by_envoy}"));
    assert_ne!(gate.ask(&call).await.verdict(), "ok");
}
