//! What Istio makes of `k8s/istio`, in a real Envoy with a real hopgate and a service that echoes behind.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;

use super::dump::{Dump, walk};
use super::rules::{every_rule, nobody_is_let_in, plain_text_is_refused, refuses_without_hopgate};
use super::stage::{Asks, Stage, Stand, id, without};

const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

fn inbound(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    secrets(dump, stand, "invoices");
    dump.endpoint("inbound|8080||", &stand.service);
    dump.listen("virtualInbound", 15006, 8080)
}

fn gateway(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    dump.certificate("kubernetes://agents-gateway", &stand.certificates, "invoices");
    dump.authority("kubernetes://agents-gateway-cacert", &stand.certificates);
    dump.endpoint("outbound|80||invoices.agents.svc.cluster.local", &stand.service);
    dump.in_plain_text("outbound|80||invoices.agents.svc.cluster.local");
    dump.listen("0.0.0.0_443", 443, 443)
}

const SHARED: &str = "outbound|9191||hopgate.hopgate-system.svc.cluster.local";

fn shared(dump: &mut Dump, stand: &Stand) {
    dump.endpoint(SHARED, &stand.hopgate);
}

fn secrets(dump: &mut Dump, stand: &Stand, workload: &str) {
    dump.certificate("default", &stand.certificates, workload);
    dump.authority("ROOTCA", &stand.certificates);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_of_istio_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("istio-sidecar", &Asks::Socket, |dump, stand| {
        assert_eq!(dump.led_to("hopgate"), json!({ "pipe": { "path": "/run/hopgate/check.sock" } }));
        dump.endpoint("hopgate", &stand.hopgate);
        inbound(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_istio_asks_hopgate() {
    let mut stage = Stage::start("istio-gateway", &Asks::tls(id("istio-ingress", "ingress")), |dump, stand| {
        secrets(dump, stand, "ingress");
        shared(dump, stand);
        gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_istio_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("istio-gateway-injected", &Asks::Socket, |dump, stand| {
        dump.endpoint("hopgate", &stand.hopgate);
        gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_of_istio_share_a_hopgate() {
    let mut stage = Stage::start("istio-shared", &sidecar_asks(), sharing).await;
    every_rule(&mut stage).await;
    refuses_without_hopgate(stage).await;
}

fn sidecar_asks() -> Asks {
    Asks::tls(id("agents", "invoices"))
}

fn sharing(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    shared(dump, stand);
    inbound(dump, stand)
}

/// Another workload in hopgate's place, and a hopgate that does not list the one who asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_hopgate_and_the_sidecars_know_each_other() {
    for (server, account) in [("planner", "invoices"), ("hopgate", "planner")] {
        let asks = Asks::Tls { server, client: id("agents", account) };
        let stage = Stage::start("istio-shared", &asks, sharing).await;
        nobody_is_let_in(stage).await;
    }
}

/// What the rules of a CUSTOM policy leave out is not asked about, and is refused by `deny_at_disable` and by the guard.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_a_policy_of_istio_leaves_out_is_refused() {
    for (guards, status) in [
        (vec![], 503),
        (vec!["hopgate-guard"], 503),
        (vec!["deny_at_disable"], 403),
        // What would have happened otherwise.
        (vec!["deny_at_disable", "hopgate-guard"], 200),
    ] {
        let mut stage = Stage::changed("istio-shared-except", &sidecar_asks(), sharing, |bootstrap| {
            walk(bootstrap, &|fields| {
                if guards.contains(&"deny_at_disable") {
                    fields.remove("denyAtDisable");
                }
                if guards.contains(&"hopgate-guard") && fields.get("@type").is_some_and(|kind| kind == RBAC) {
                    fields.remove("rules");
                }
            });
        })
        .await;
        let token = stage.gate().token();
        let planner = stage.caller("planner");
        let answer = planner.send(Method::GET, "/open", &[], Vec::new()).await.unwrap();
        assert_eq!(answer.status, status, "without {guards:?}: {answer:?}");
        assert_eq!(planner.get("/invoices", &token).await.status, 200);
        assert_eq!(planner.get("/nowhere", &token).await.status, 403);
    }
}

/// As if Istio had ignored the `EnvoyFilter`, after an upgrade or with a wrong selector.
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_of_istio_refuses_what_nobody_was_asked_about() {
    let stage = Stage::start("istio-guard-alone", &Asks::Nobody, inbound).await;
    let planner = stage.caller("planner");
    let forged = [("x-hopgate-decision-id", "1"), ("x-envoy-auth-failure-mode-allowed", "true"), ("decision", "allow")];
    let answer = planner.send(Method::GET, "/open", &forged, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");

    let unguarded =
        Stage::changed("istio-guard-alone", &Asks::Nobody, inbound, without("envoy.filters.http.rbac")).await;
    let answer = unguarded.caller("planner").send(Method::GET, "/open", &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "without the guard it passes: {answer:?}");
}
