//! Single use with the shared store, as Envoy sees it: what can't be checked is refused.

use std::time::{Duration, Instant};

use hopgate::dev::certs::MeshCa;
use serde_json::{Value, json};
use testbed::{Redis, Signal};

use super::replay::next_second;
use crate::support::tokens::alice;
use crate::support::{Call, Gate, Plan, eventually, now};

const UNAVAILABLE: &str = "503 temporarily_unavailable replay_store_unavailable";
const UNPROVABLE: &str = "401 invalid_token token_predates_store";
const REPLAYED: &str = "401 invalid_token token_replayed";
const AVAILABLE: &str = "hopgate_replay_store_available";

/// With `server` as its store, an issuer whose clock is ours, and time for a busy machine.
fn plan(server: &Redis) -> Plan {
    let redis = json!({ "url": server.url(), "timeout": "500ms" });
    Plan::new().set("/replay", json!({ "store": "redis", "redis": redis })).set("/issuers/0/clock_skew", json!("0s"))
}

async fn refund(gate: &Gate, token: &str) -> String {
    gate.ask(&Call::refund(token)).await.verdict()
}

/// A refund is refused with a record that says why, and other routes go on.
async fn refuses(gate: &mut Gate) {
    let token = gate.token();
    let answer = gate.ask(&Call::refund(&token)).await;
    assert_eq!(answer.verdict(), UNAVAILABLE, "{}", gate.log());
    let record = gate.record(&answer);
    assert_eq!((&record["reason"], &record["check"]), (&json!("replay_store_unavailable"), &json!("replay")));
    assert_eq!(record["subject"], "alice");
    assert_eq!(gate.get("/invoices", &token).await.verdict(), "ok", "only single use asks the store");
    assert_eq!(gate.admin_get("/readyz").status, 200, "other routes are worth serving");
    gate.until_metric(AVAILABLE, 0.0).await;
}

/// A fresh token passes once.
async fn passes(gate: &Gate) {
    gate.until_metric(AVAILABLE, 1.0).await;
    next_second().await;
    let token = gate.token();
    assert_eq!(refund(gate, &token).await, "ok", "{}", gate.log());
    assert_eq!(refund(gate, &token).await, REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_not_there_at_the_start_is_used_once_it_is() {
    let mut server = Redis::new(&[]).expect("a server to be");
    let mut gate = plan(&server).start();
    refuses(&mut gate).await;
    server.run().expect("a server");
    passes(&gate).await;
    assert!(gate.metric("hopgate_replay_store_failures_total") >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_forgets_and_is_noticed() {
    let mut server = Redis::start(&[]).expect("a server");
    let mut gate = plan(&server).start();
    gate.until_metric(AVAILABLE, 1.0).await;
    next_second().await;
    let used = gate.token();
    assert_eq!(refund(&gate, &used).await, "ok");
    server.kill().expect("ended");
    refuses(&mut gate).await;
    server.run().expect("a server");
    passes(&gate).await;
    assert_eq!(refund(&gate, &used).await, UNPROVABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_hopgate_forgets_nothing() {
    let server = Redis::start(&[]).expect("a server");
    let gate = plan(&server).start();
    gate.until_metric(AVAILABLE, 1.0).await;
    next_second().await;
    let (used, unused) = (gate.token(), gate.token());
    assert_eq!(refund(&gate, &used).await, "ok");
    let gate = gate.restart(true);
    gate.until_metric(AVAILABLE, 1.0).await;
    assert_eq!(refund(&gate, &used).await, REPLAYED);
    assert_eq!(refund(&gate, &unused).await, "ok", "the server remembers since before it was issued");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_accept_tokens_from_before_the_server_began() {
    let server = Redis::start(&[]).expect("a server");
    let gate = plan(&server).set("/replay/accept_tokens_issued_before_start", json!(true)).start();
    gate.until_metric(AVAILABLE, 1.0).await;
    let old = gate.mint(&alice().claim("iat", json!(now() - 60)));
    assert_eq!(refund(&gate, &old).await, "ok");
    assert_eq!(refund(&gate, &old).await, REPLAYED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_makes_answers_and_not_silence() {
    let mut server = Redis::start(&[]).expect("a server");
    let mut gate = plan(&server).set("/replay/redis/timeout", json!("20ms")).start();
    passes(&gate).await;
    server.signal(Signal::STOP);
    let started = Instant::now();
    let verdict = refund(&gate, &gate.token()).await;
    let taken = started.elapsed();
    println!("answered after {taken:?} with a timeout of 20 ms");
    assert_eq!(verdict, UNAVAILABLE);
    assert!(taken < Duration::from_millis(300), "{taken:?}");
    refuses(&mut gate).await;
    server.signal(Signal::CONT);
    passes(&gate).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_wrong_refuses_single_use_and_says_why_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = MeshCa::generate("demo.local").expect("a CA");
    let leaf = ca.issue("spiffe://demo.local/redis").expect("a certificate");
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).expect("written");
        dir.path().join(name)
    };
    let (certificate, key) = (file("cert.pem", &leaf.cert_pem), file("key.pem", &leaf.key_pem));
    let other = file("other.pem", &MeshCa::generate("demo.local").expect("a CA").ca_pem());
    let wrong = file("wrong", "a wrong secret\n");
    let cases: [(&str, Redis, &str, Value); 5] = [
        (
            "a wrong password",
            Redis::start(&["--requirepass", "right"]).expect("a server"),
            "password_file",
            json!(wrong),
        ),
        ("another authority", Redis::start_tls(&certificate, &key).expect("a server"), "ca_file", json!(other)),
        (
            "evicting",
            Redis::start(&["--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"]).expect("a server"),
            "insecure",
            json!(false),
        ),
        ("full", Redis::start(&["--maxmemory", "1"]).expect("a server"), "insecure", json!(false)),
        ("read-only", Redis::start(&["--min-replicas-to-write", "1"]).expect("a server"), "insecure", json!(false)),
    ];
    for (what, server, field, value) in cases {
        let mut gate = plan(&server).set(&format!("/replay/redis/{field}"), value).start();
        eventually("its trouble to be told", async || gate.log().contains("the replay store").then_some(())).await;
        refuses(&mut gate).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let log = gate.log();
        let told: Vec<_> = log.lines().filter(|line| line.contains("the replay store")).collect();
        assert_eq!(told.len(), 1, "{what}: {log}");
        println!("{what}: {}", told[0]);
        assert!(!log.contains("a wrong secret"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_taken_without_a_restart_or_a_new_revision() {
    let server = Redis::start(&["--requirepass", "second"]).expect("a server");
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("password");
    std::fs::write(&file, "first\n").expect("written");
    let mut gate = plan(&server).set("/replay/redis/password_file", json!(file)).start();
    refuses(&mut gate).await;
    std::fs::write(&file, "second\n").expect("written");
    passes(&gate).await;
    assert!((gate.metric(r#"hopgate_config_reloads_total{result="success"}"#) - 1.0).abs() < 0.5);
}
