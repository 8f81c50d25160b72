//! What Envoy Gateway makes of `k8s/envoy-gateway`, in a real Envoy with a real hopgate and a service that echoes behind.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;

use super::dump::{Dump, walk};
use super::rules::{every_rule, nobody_is_let_in, plain_text_is_refused, refuses_without_hopgate, search, thumbprint};
use super::stage::{Asks, Stage, Stand, id, without};
use crate::support::tokens;

fn gateway(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    dump.certificate("gateways/edge-tls", &stand.certificates, "invoices");
    dump.authority("gateways/edge/ca.crt", &stand.certificates);
    dump.endpoint("httproute/gateways/invoices/rule/0", &stand.service);
    dump.listen("gateways/edge/https", 10443, 443)
}

const EXT_AUTH: &str = "securitypolicy/gateways/hopgate/extauth/0";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_envoy_gateway_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("envoy-gateway-sidecar", &Asks::Socket, |dump, stand| {
        assert_eq!(dump.led_to(EXT_AUTH), json!({ "pipe": { "path": "/run/hopgate/check.sock" } }));
        dump.endpoint(EXT_AUTH, &stand.hopgate);
        gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_of_envoy_gateway_share_a_hopgate() {
    let asks = Asks::tls(id("gateways", "edge"));
    let mut stage = Stage::start("envoy-gateway-shared", &asks, sharing).await;
    every_rule(&mut stage).await;
    refuses_without_hopgate(stage).await;
}

fn sharing(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    dump.certificate("gateways/edge-client", &stand.certificates, "edge");
    dump.authority("hopgate/hopgate-system-ca", &stand.certificates);
    dump.endpoint(EXT_AUTH, &stand.hopgate);
    gateway(dump, stand)
}

/// Another workload in hopgate's place, and a hopgate that does not list the one who asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_hopgate_and_the_gateway_know_each_other() {
    for (server, account) in [("planner", "edge"), ("hopgate", "planner")] {
        let asks = Asks::Tls { server, client: id("gateways", account) };
        let stage = Stage::start("envoy-gateway-shared", &asks, sharing).await;
        nobody_is_let_in(stage).await;
    }
}

/// Without `patch-policy.yaml` less is allowed, and nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_patches_envoy_gateway_hides_things_from_hopgate_which_then_refuses() {
    let place = |dump: &mut Dump, stand: &Stand| {
        dump.endpoint(EXT_AUTH, &stand.hopgate);
        gateway(dump, stand)
    };
    let mut stage = Stage::changed("envoy-gateway-sidecar", &Asks::Socket, place, |bootstrap| {
        walk(bootstrap, &|fields| {
            for patched in
                ["encodeRawHeaders", "includePeerCertificate", "includeTlsSession", "validateMutations", "packAsBytes"]
            {
                fields.remove(patched);
            }
        });
    })
    .await;
    let planner = stage.caller("planner");
    let token = stage.gate().token();
    assert_eq!(planner.get("/bound", &token).await.status, 200);
    let binding = json!({ "x5t#S256": thumbprint(&stage) });
    let bound = stage.gate().mint(&tokens::with("cnf", binding));
    let bearer = format!("Bearer {token}");
    for (reason, answer) in [
        ("certificate_missing", planner.get("/invoices", &bound).await),
        ("body_rewritten", search(&planner, &bearer).await),
    ] {
        assert!(answer.status >= 400, "{answer:?}");
        stage.gate().record_where(|record| record["reason"] == reason);
    }
}

/// A policy of a route stands in the place of the gateway's, and this one has no `extAuth`.
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_of_envoy_gateway_refuses_what_nobody_was_asked_about() {
    let stage = Stage::start("envoy-gateway-overridden", &Asks::Nobody, gateway).await;
    let forged = [("x-hopgate-decision-id", "1"), ("decision", "allow")];
    let answer = stage.caller("planner").send(Method::GET, "/open", &forged, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");

    let unguarded = without("hopgate-guard");
    let stage = Stage::changed("envoy-gateway-overridden", &Asks::Nobody, gateway, unguarded).await;
    let answer = stage.caller("planner").send(Method::GET, "/open", &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "without the guard it passes: {answer:?}");
}
