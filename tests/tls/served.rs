use std::time::{Duration, Instant};

use testbed::envoy::{AuthzServer, Identity, Mtls};
use tokio_rustls::rustls::HandshakeKind;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::stage::{SERVER, Stage, channel, connect, gateway, plan};
use crate::support::Plan;
use crate::support::authority::Authority;
use crate::support::mesh::Mesh;

/// What an Envoy shows that is `id`, and whom it takes for hopgate.
fn mtls(plan: &Plan, authority: &Authority, id: &str) -> Mtls {
    let file = |name: &str| plan.dir.root().join(name);
    let identity = Identity { certificate: file("envoy.pem"), key: file("envoy-key.pem") };
    authority.issue(&[id]).write(&identity.certificate, &identity.key);
    std::fs::write(file("mesh-ca.pem"), authority.pem()).unwrap();
    Mtls::new(identity, "demo.local", file("mesh-ca.pem")).only(SERVER)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_is_listed_gets_decisions() {
    for only_1_3 in [true, false] {
        let (plan, address, authority, _server) = plan();
        let mtls = Mtls { only_1_3, ..mtls(&plan, &authority, &gateway()) };
        let mut mesh = Mesh::with(plan, |_, filter| filter.server = AuthzServer::Tls(address, mtls)).await;

        let token = mesh.gate.token();
        assert_eq!(mesh.get("/open", &token).status, 200, "{only_1_3}");
        let refused = mesh.get("/nowhere", &token);
        assert_eq!(refused.status, 403);
        let id = refused.header("x-hopgate-decision-id").expect("a decision of ours").to_owned();
        let record = mesh.gate.record_where(|record| record["decision_id"] == *id);
        assert_eq!(record["reason"], "route_unknown");
        let spoken = mesh.envoy.ask_admin("/stats?filter=inbound.authz.ssl.versions").expect("stats");
        assert!(spoken.contains(if only_1_3 { "TLSv1.3" } else { "TLSv1.2" }), "{spoken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_that_is_not_listed_refuses_its_calls() {
    let (plan, address, authority, _server) = plan();
    let mtls = mtls(&plan, &authority, "spiffe://demo.local/ns/agents/sa/stranger");
    let mesh = Mesh::with(plan, |_, filter| filter.server = AuthzServer::Tls(address, mtls)).await;
    assert_eq!(mesh.get("/open", &mesh.gate.token()).status, 503);
    mesh.gate.until_metric("hopgate_decision_duration_seconds_count", 0.0).await;
    assert!(mesh.gate.log().contains("`spiffe://demo.local/ns/agents/sa/stranger` is none of `tls.clients`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_tls_are_spoken() {
    let stage = Stage::start();
    for version in [&TLS12, &TLS13] {
        let config = stage.authority.client_of(&[version], Some(&stage.listed()));
        let channel = channel(stage.address, config);
        assert_eq!(stage.verdict(&channel).await, "ok", "{version:?}");
    }
}

/// A resumed session would bring back who was taken from the list.
#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_ever_resumed() {
    let stage = Stage::start();
    for version in [&TLS12, &TLS13] {
        // Its clones share what it remembers of sessions.
        let config = stage.authority.client_of(&[version], Some(&stage.listed()));
        for _ in 0..3 {
            let stream = connect(stage.address, config.clone()).await.expect("a connection");
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
            let channel = channel(stage.address, config.clone());
            assert_eq!(stage.verdict(&channel).await, "ok");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_to_listed_clients() {
    let stage = Stage::start();
    stage.gate.until_ready().await;
    let request = HealthCheckRequest { service: String::new() };
    let mut client = HealthClient::new(stage.channel(Some(&stage.listed())));
    let told = client.check(request.clone()).await.expect("an answer").into_inner().status();
    assert!(matches!(told, ServingStatus::Serving | ServingStatus::NotServing));
    let stranger = stage.authority.issue(&["spiffe://demo.local/ns/agents/sa/stranger"]);
    HealthClient::new(stage.channel(Some(&stranger))).check(request).await.expect_err("nothing for strangers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_open_does_not_hold_up_the_end() {
    let mut stage = Stage::start();
    let channel = stage.channel(Some(&stage.listed()));
    assert_eq!(stage.verdict(&channel).await, "ok");
    // One that has shaken hands and says nothing, and one that has not.
    let _silent = connect(stage.address, stage.authority.client(Some(&stage.listed()))).await.expect("a connection");
    let _mute = std::net::TcpStream::connect(stage.address).expect("a connection");
    let started = Instant::now();
    let ended = stage.gate.service.stop().expect("ended");
    assert_eq!(ended.code(), Some(0), "{}", stage.gate.log());
    assert!(started.elapsed() < Duration::from_millis(4500), "{:?}", started.elapsed());
}
