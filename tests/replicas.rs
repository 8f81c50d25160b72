//! Two hopgate processes on one Redis server, asked for one single-use token at once.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use testbed::Redis;
use tokio::sync::watch;

use crate::support::plan::write_keys;
use crate::support::{Answer, Call, Gate, Plan, eventually, now};

const CALLS: usize = 1000;
const REPLAYED: &str = "401 invalid_token token_replayed";
const AVAILABLE: &str = "hopgate_replay_store_available";

/// Verdict → how often.
type Counts = BTreeMap<String, usize>;

/// Two processes that trust one issuer, the first one's, and share `server`.
async fn replicas(server: &Redis) -> [Gate; 2] {
    let plan = || {
        let redis = json!({ "url": server.url(), "timeout": "500ms" });
        Plan::new()
            .set("/replay", json!({ "store": "redis", "redis": redis }))
            .set("/issuers/0/clock_skew", json!("0s"))
            // A thousand calls at once, beside whatever else the machine does.
            .set("/limits/deadline", json!("10s"))
    };
    let (one, two) = (plan(), plan());
    write_keys(&two.dir.root().join("keys.json"), &[one.key.jwk()]);
    let gates = [one.start(), two.start()];
    for gate in &gates {
        gate.until_metric(AVAILABLE, 1.0).await;
    }
    next_second().await;
    gates
}

/// Waits until a token issued now is younger than what happened before.
async fn next_second() {
    let second = now();
    eventually("the next second", async || (now() > second).then_some(())).await;
}

/// Asks both replicas alternately for `token`, all at once.
async fn race(gates: &[Gate; 2], token: &str) -> Counts {
    let clients: Vec<_> = (0..8).map(|n| gates[n % 2].client()).collect();
    let tasks: Vec<_> = (0..CALLS)
        .map(|n| {
            let (mut client, call) = (clients[n % clients.len()].clone(), Call::refund(token));
            tokio::spawn(async move {
                Answer::of(client.check(call.message()).await.expect("an answer").into_inner()).verdict()
            })
        })
        .collect();
    let mut counts = Counts::new();
    for task in tasks {
        *counts.entry(task.await.expect("no panic")).or_default() += 1;
    }
    counts
}

fn allowed(counts: &Counts) -> usize {
    counts.get("ok").copied().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_calls_at_two_replicas_exactly_one_passes() {
    let server = Redis::start(&[]).expect("a server");
    let gates = replicas(&server).await;
    for round in 0..5 {
        let counts = race(&gates, &gates[0].token()).await;
        println!("round {round}: {counts:?}");
        assert_eq!(counts, Counts::from([("ok".to_owned(), 1), (REPLAYED.to_owned(), CALLS - 1)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_and_restarted_in_the_middle_lets_no_token_pass_twice() {
    const WORKERS: usize = 40;
    for round in 0..3 {
        let mut server = Redis::start(&[]).expect("a server");
        let gates = replicas(&server).await;
        let before = gates[0].token();
        // The token the workers use besides `before`, once there is one.
        let (give, fresh) = watch::channel(None::<String>);
        let answered = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (mut client, before) = (gates[worker % 2].client(), before.clone());
                let (fresh, answered) = (fresh.clone(), Arc::clone(&answered));
                tokio::spawn(async move {
                    let mut counts = [Counts::new(), Counts::new()];
                    for call in 0..CALLS / WORKERS {
                        let fresh = fresh.borrow().clone().filter(|_| call % 2 == 0);
                        let token = fresh.as_deref().unwrap_or(&before);
                        let answer = client.check(Call::refund(token).message()).await.expect("an answer");
                        let verdict = Answer::of(answer.into_inner()).verdict();
                        *counts[usize::from(fresh.is_some())].entry(verdict).or_default() += 1;
                        answered.fetch_add(1, Ordering::Relaxed);
                        // So that they last from before the end of the server until after its return.
                        tokio::time::sleep(Duration::from_millis(80)).await;
                    }
                    counts
                })
            })
            .collect();
        eventually("a third of the calls", async || (answered.load(Ordering::Relaxed) > CALLS / 3).then_some(())).await;
        server.kill().expect("ended");
        // Minted while nobody can claim it.
        give.send_replace(Some(gates[0].token()));
        server.run().expect("a server");
        let at_return = answered.load(Ordering::Relaxed);
        let mut totals = [Counts::new(), Counts::new()];
        for worker in workers {
            for (total, counts) in totals.iter_mut().zip(worker.await.expect("no panic")) {
                for (verdict, count) in counts {
                    *total.entry(verdict).or_default() += count;
                }
            }
        }
        let [old, new] = &totals;
        println!("round {round}: {at_return} calls were answered when the server was back");
        println!("  issued before: {old:?}");
        println!("  issued while it was gone: {new:?}");
        assert!(at_return < CALLS, "the calls were over too early");
        assert_eq!(old.values().chain(new.values()).sum::<usize>(), CALLS);
        assert_eq!(allowed(old), 1, "claimed before the end, and never again");
        assert!(allowed(new) <= 1);

        for gate in &gates {
            gate.until_metric(AVAILABLE, 1.0).await;
        }
        next_second().await;
        let counts = race(&gates, &gates[0].token()).await;
        println!("  after its return: {counts:?}");
        assert_eq!(counts, Counts::from([("ok".to_owned(), 1), (REPLAYED.to_owned(), CALLS - 1)]));
        let again = race(&gates, &before).await;
        println!("  the first token again: {again:?}");
        assert_eq!(allowed(&again), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_amid_the_first_claims_lets_no_token_pass_twice() {
    let mut server = Redis::start(&[]).expect("a server");
    let gates = replicas(&server).await;
    for round in 0..6 {
        let token = gates[0].token();
        let restart = async {
            // Another moment of the burst each time: from the first calls to the middle.
            tokio::time::sleep(Duration::from_millis(round * 15)).await;
            server.kill().expect("ended");
            server.run().expect("a server");
        };
        let (burst, ()) = tokio::join!(race(&gates, &token), restart);
        for gate in &gates {
            gate.until_metric(AVAILABLE, 1.0).await;
        }
        let after = race(&gates, &token).await;
        println!("killed after {} ms: {burst:?}, then {after:?}", round * 15);
        assert!(allowed(&burst) + allowed(&after) <= 1);
        next_second().await;
    }
}
