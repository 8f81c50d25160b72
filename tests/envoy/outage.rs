//! hopgate gone or stuck: the call ends, and goes on when it is back.

use std::time::Instant;

use testbed::Signal;

use crate::support::mesh::Mesh;
use crate::support::{Gate, Plan, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_hopgate_refuses_and_one_on_the_same_socket_serves_again() {
    let mut mesh = Mesh::start(Plan::new(), true).await;
    let token = mesh.gate.token();
    assert_eq!(mesh.get("/open", &token).status, 200);
    for kill in [true, false] {
        if kill { mesh.gate.service.kill() } else { mesh.gate.service.stop() }.expect("ended");
        for _ in 0..3 {
            let response = mesh.get("/open", &token);
            assert_eq!((response.status, response.text()), (503, String::new()), "Envoy's `status_on_error`");
        }
        mesh.gate = Gate::start(mesh.gate.plan);
        eventually("the call to go on", async || (mesh.get("/open", &token).status == 200).then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_hopgate_refuses_within_envoys_timeout() {
    let mut mesh = Mesh::start(Plan::new(), true).await;
    let token = mesh.gate.token();
    mesh.gate.service.signal(Signal::STOP);
    let started = Instant::now();
    let response = mesh.get("/open", &token);
    assert_eq!((response.status, response.text()), (503, String::new()));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    mesh.gate.service.signal(Signal::CONT);
    eventually("the call to go on", async || (mesh.get("/open", &token).status == 200).then_some(())).await;
}
