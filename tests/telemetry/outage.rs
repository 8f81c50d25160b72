//! A collector that is not there, does not answer or takes nothing costs its telemetry, and no decision.

use std::process::Stdio;
use std::time::Instant;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use serde_json::json;
use tonic::Code;
use tonic::transport::Endpoint;

use super::collector::{Collector, Manner, plan};
use crate::support::gate::command;
use crate::support::{Call, Gate, SOON};

fn dropped(cause: &str) -> String {
    format!("hopgate_otlp_dropped_total{{signal=\"logs\",cause=\"{cause}\"}}")
}

async fn ask(gate: &Gate, times: usize) {
    let token = gate.token();
    for _ in 0..times {
        assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_counted_and_said_once() {
    let address = testbed::ports::free().unwrap();
    let gate = plan(address).set("/otlp/timeout", json!("100ms")).start();
    ask(&gate, 3).await;
    gate.until_metric(&dropped("unreachable"), 3.0).await;
    ask(&gate, 1).await;
    gate.until_metric(&dropped("unreachable"), 4.0).await;
    let said = gate.service.stderr().unwrap();
    assert_eq!(said.matches("the collector takes no telemetry").count(), 1, "{said}");
    let line = said.lines().find(|line| line.contains("the collector takes no telemetry")).unwrap();
    assert_eq!(line.matches("\"message\":").count(), 1, "{line}");
    assert_eq!(gate.service.lines().len(), 4, "the records are on stdout");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    let (collector, address) = Collector::start().await;
    let gate = plan(address).start();
    collector.set(Manner::Fails(Code::Unavailable));
    ask(&gate, 1).await;
    crate::support::eventually("a second try", async || (collector.asked() >= 2).then_some(())).await;
    collector.set(Manner::Takes);
    collector.logs(1).await;
    gate.until_metric("hopgate_otlp_sent_total{signal=\"logs\"}", 1.0).await;
    let asked = collector.asked();
    collector.set(Manner::Fails(Code::InvalidArgument));
    ask(&gate, 1).await;
    gate.until_metric(&dropped("refused"), 1.0).await;
    assert_eq!(collector.asked(), asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_rejects_is_counted() {
    let (collector, address) = Collector::start().await;
    let gate = plan(address).start();
    collector.set(Manner::Rejects(1));
    ask(&gate, 1).await;
    gate.until_metric(&dropped("refused"), 1.0).await;
    // It may say what it likes.
    collector.set(Manner::Rejects(i64::MIN));
    ask(&gate, 1).await;
    gate.until_metric("hopgate_otlp_sent_total{signal=\"logs\"}", 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_takes_room_and_then_nothing_more() {
    let (collector, address) = Collector::start().await;
    collector.set(Manner::Hangs);
    let gate = plan(address).set("/otlp/timeout", json!("10s")).start();
    // 512 or more are under way, 4096 wait.
    let started = Instant::now();
    let calls = (0..8).map(|_| ask(&gate, 700));
    futures_util::future::join_all(calls).await;
    assert!(started.elapsed() < SOON, "no call waits for it");
    crate::support::eventually("room to be short", async || (gate.metric(&dropped("behind")) > 0.5).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_decisions_are_sent_before_the_end() {
    let (collector, address) = Collector::start().await;
    let mut gate = plan(address).start();
    ask(&gate, 5).await;
    gate.service.stop().unwrap();
    assert_eq!(collector.logs(5).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_does_not_keep_the_process() {
    let (collector, address) = Collector::start().await;
    collector.set(Manner::Hangs);
    let mut gate = plan(address).set("/otlp/timeout", json!("300ms")).start();
    ask(&gate, 1).await;
    gate.service.stop().unwrap();
    assert!(gate.service.stderr().unwrap().contains("not sent to the collector in time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_breaks_is_what_is_said_to_have_broken() {
    let (_, address) = Collector::start().await;
    let plan = plan(address).set("/otlp/logs", json!(false));
    plan.write();
    let mut program = command();
    program.args(["serve", "--config"]).arg(plan.file()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    testbed::ports::wait_for_unix(&plan.socket(), SOON).unwrap();
    drop(child.stdout.take());
    let endpoint = Endpoint::from_shared(format!("unix:{}", plan.socket().display())).unwrap();
    // It may be gone before it answers.
    let _ = AuthorizationClient::new(endpoint.connect_lazy()).check(Call::get("/nowhere").message()).await;
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("decision records can't be written: Broken pipe") && !said.contains("panicked"), "{said}");
}
