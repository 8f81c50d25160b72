use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::json;
use testbed::Signal;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::keyserver::{KeyServer, Reply};
use crate::support::tokens::alice;
use crate::support::{Answer, Call, Plan, eventually};

fn new_key() -> hopgate::dev::keys::SigningKey {
    hopgate::dev::keys::SigningKey::generate(jsonwebtoken::Algorithm::ES256).expect("a key")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_progress_is_finished_and_recorded_and_the_exit_is_clean() {
    for signal in [Signal::TERM, Signal::INT] {
        let (server, key) = (KeyServer::start().await, new_key());
        server.keys(&[key.jwk()]);
        let issuer = json!({ "issuer": server.issuer(), "jwks": { "uri": server.url("/jwks") }, "cooldown": "1s" });
        let mut gate = Plan::new().set("/issuers/0", issuer).start();
        gate.until_ready().await;
        server.reply("/jwks", Reply::Hang);
        let started = server.asked_at("/jwks")[0];
        eventually("the cool-down to pass", async || (started.elapsed() > Duration::from_millis(1100)).then_some(()))
            .await;
        // Waits 100 ms for keys that do not come.
        let token = alice().claim("iss", json!(server.issuer())).sign(&new_key()).expect("signed");
        let mut client = gate.client();
        let call = tokio::spawn(async move { client.check(Call::get("/open").bearer(&token).message()).await });
        eventually("the call to be in progress", async || (server.asked("/jwks") == 2).then_some(())).await;
        gate.service.signal(signal);
        let answer = call.await.expect("no panic").expect("an answer, for the call was accepted").into_inner();
        let answer = Answer::of(answer);
        assert_eq!(answer.verdict(), "401 invalid_token key_unknown");
        let ended = gate.service.stop().expect("ended");
        assert_eq!(ended.code(), Some(0), "{signal:?}: {}", gate.log());
        let records = gate.service.lines();
        assert!(records.iter().any(|line| line.contains(answer.decision_id())), "{records:?}");
        assert!(gate.log().contains("draining"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_end_do_not_outlast_the_deadline() {
    let mut gate = Plan::new().set("/limits/drain", json!("1s")).start();
    let mut silent = UnixStream::connect(gate.socket()).expect("a connection");
    let mut stuck = UnixStream::connect(gate.socket()).expect("a connection");
    stuck.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    let started = Instant::now();
    let ended = gate.service.stop().expect("ended");
    assert_eq!(ended.code(), Some(0), "{}", gate.log());
    assert!(started.elapsed() < Duration::from_millis(4500), "{:?}", started.elapsed());
    let _ = silent.write_all(b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_given_before_the_end_has_its_record() {
    let mut gate = Plan::new().start();
    let message = Call::get("/open").bearer(&gate.token()).message();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (mut client, message) = (gate.client(), message.clone());
            tokio::spawn(async move {
                let mut ids = Vec::new();
                // Until the connection is gone.
                while let Ok(answer) = client.check(message.clone()).await {
                    ids.push(Answer::of(answer.into_inner()).decision_id().to_owned());
                }
                ids
            })
        })
        .collect();
    eventually("some traffic", async || (gate.service.lines().len() > 200).then_some(())).await;
    let ended = gate.service.stop().expect("ended");
    assert_eq!(ended.code(), Some(0), "{}", gate.log());
    let mut ids = Vec::new();
    for task in tasks {
        ids.extend(task.await.expect("no panic"));
    }
    // The pipe's reader may be a moment behind the process.
    eventually("the last record", async || (gate.service.lines().len() >= ids.len()).then_some(())).await;
    let records = gate.service.lines().concat();
    let lost = ids.iter().filter(|id| !records.contains(id.as_str())).count();
    assert_eq!(lost, 0, "of {} answers", ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_draining_probes_say_so() {
    let mut gate = Plan::new().set("/limits/drain", json!("3s")).start();
    // A stream that goes on for ever holds the drain open until its deadline.
    let mut health = HealthClient::new(gate.channel());
    let request = HealthCheckRequest { service: String::new() };
    let held = health.watch(request).await.expect("a stream").into_inner();
    assert_eq!(gate.admin_get("/readyz").status, 200);
    gate.service.signal(Signal::TERM);
    eventually("the drain", async || gate.log().contains("draining").then_some(())).await;
    let ready = gate.admin_get("/readyz");
    assert_eq!((ready.status, ready.text()), (503, "not ready: draining\n".to_owned()));
    assert_eq!(gate.admin_get("/livez").status, 200);
    drop(held);
    assert_eq!(gate.service.stop().expect("ended").code(), Some(0));
}
