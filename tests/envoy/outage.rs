//! hopgate gone or stuck: the call ends, and goes on when it is back.

use std::time::Instant;

use serde_json::json;
use testbed::{Signal, ports};

use crate::support::mesh::Mesh;
use crate::support::tokens::with;
use crate::support::{Gate, ISSUER, Plan, eventually};

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

/// A gRPC error would be handed to `failure_mode_allow`, and an operator may have set it.
#[tokio::test(flavor = "multi_thread")]
async fn no_refusal_is_turned_into_an_allow_by_failure_mode_allow() {
    let down = format!("http://{}", ports::free().expect("a port"));
    for raw in [true, false] {
        let plan = Plan::new().set("/limits/message_bytes", json!(16_384)).edit(|config| {
            let issuer = json!({ "issuer": down, "jwks": { "uri": format!("{down}/jwks") } });
            config["issuers"].as_array_mut().unwrap().push(issuer);
            for agent in config["agents"].as_array_mut().unwrap() {
                agent["issuer"] = json!(ISSUER);
            }
        });
        let mut mesh = Mesh::with(plan, |_, filter| {
            filter.failure_mode_allow = true;
            filter.encode_raw_headers = raw;
        })
        .await;
        let bearer = format!("Bearer {}", mesh.gate.token());
        let foreign = format!("Bearer {}", mesh.gate.mint(&with("iss", json!(down))));
        let one = ("authorization", bearer.as_bytes());
        let huge = "x".repeat(20_000);
        for (name, path, headers, status, reason) in [
            ("too large", "/open", &[one, ("x-huge", huge.as_bytes())][..], 503, "request_too_large"),
            ("no keys", "/open", &[("authorization", foreign.as_bytes())], 503, "keys_unavailable"),
            ("no token", "/open", &[], 401, "credential_missing"),
            ("no text", "/open", &[("authorization", b"Bearer \xff\xfe")], 400, "credential_malformed"),
            ("no route", "/nowhere", &[one], 403, "route_unknown"),
        ] {
            let response = mesh.request("GET", path, headers);
            assert_eq!(response.status, status, "{name} (raw: {raw}): {response:?}");
            let id = response.json()["decision_id"].clone();
            let record = mesh.gate.record_where(|record| record["decision_id"] == id);
            assert_eq!(record["reason"], reason, "{name} (raw: {raw})");
        }
        // Envoy itself may refuse these; what matters is that they go no further.
        for path in ["/open\u{e9}", "/open?\u{e9}", "/\u{fffd}"] {
            let response = mesh.request("GET", path, &[("x-bytes", b"\xff\xfe\xc0\xae")]);
            assert!(matches!(response.status, 400 | 401 | 403 | 503), "{path}: {response:?}");
        }
        assert_eq!(mesh.request("GET", "/open", &[one, ("x-bytes", b"\xff\xfe")]).status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_hopgate_refuses_within_envoys_timeout() {
    let mut mesh = Mesh::start(Plan::new(), true).await;
    let token = mesh.gate.token();
    mesh.gate.service.signal(Signal::STOP);
    let stat = format!("/proc/{}/stat", mesh.gate.service.id());
    eventually("the process to stand still", async || {
        let stat = std::fs::read_to_string(&stat).expect("a process");
        stat.contains(") T ").then_some(())
    })
    .await;
    let started = Instant::now();
    let response = mesh.get("/open", &token);
    assert_eq!((response.status, response.text()), (503, String::new()));
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    mesh.gate.service.signal(Signal::CONT);
    eventually("the call to go on", async || (mesh.get("/open", &token).status == 200).then_some(())).await;
}
