//! More than there should be: of calls, connections, half-sent messages and tokens.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::json;

use crate::support::gate::command;
use crate::support::tokens::alice;
use crate::support::{Answer, Call, Gate, Plan, eventually, raw};

/// Streams that begin and never send their message, as many as may be in progress at once.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_never_finished_do_not_shut_out_others() {
    let gate = Plan::new().set("/limits/concurrency", json!(8)).start();
    let channel = gate.channel();
    let half: Vec<_> = (0..8).map(|_| tokio::spawn(raw::begin(channel.clone()))).collect();
    let token = gate.token();
    eventually("the others to be served", async || {
        // Twice, so that it is not just that the streams have not begun yet.
        let first = gate.get("/open", &token).await.allowed();
        tokio::time::sleep(Duration::from_millis(500)).await;
        (first && gate.get("/open", &token).await.allowed()).then_some(())
    })
    .await;
    for call in half {
        call.abort();
    }
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_on_the_socket_disturbs_nobody() {
    let mut gate = Plan::new().start();
    let mut idle = Vec::new();
    for n in 0..300_u32 {
        let Ok(mut stream) = UnixStream::connect(gate.socket()) else { panic!("connection {n}") };
        let mut noise: Vec<u8> = (0..2000_u32).flat_map(|m| (n * 7919 + m * 104_729).to_le_bytes()).collect();
        match n % 4 {
            0 => {}
            1 => noise.splice(0..0, *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").for_each(drop),
            2 => noise.splice(0..0, *b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").for_each(drop),
            _ => noise.truncate(1),
        }
        // Closed in our face is fine.
        let _ = stream.write_all(&noise);
        idle.push(stream);
    }
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    drop(idle);
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    gate.service.check_running().expect("still there");
    assert!(!gate.log().contains("panic"), "{}", gate.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_out_of_file_descriptors_comes_back() {
    let plan = Plan::new();
    plan.write();
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 48; exec \"$0\" \"$@\""]).arg(command().get_program());
    let mut gate = Gate::start_as_written(plan, limited);
    let crowd: Vec<_> = (0..100).map(|_| UnixStream::connect(gate.socket())).collect();
    drop(crowd);
    let token = gate.token();
    eventually("an answer after the crowd has gone", async || {
        let call = Call::get("/open").bearer(&token).message();
        let answer = tokio::time::timeout(Duration::from_secs(2), gate.client().check(call)).await;
        answer.ok()?.ok().filter(|answer| Answer::of(answer.get_ref().clone()).allowed())
    })
    .await;
    gate.service.check_running().expect("still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_calls_at_once_are_each_answered_and_memory_is_bounded() {
    let mut gate = Plan::new().set("/limits/verified_tokens", json!(100)).start();
    let before = {
        flood(&gate, 1000, |n| format!("/open?{n}")).await;
        gate.service.resident_bytes().expect("alive")
    };
    let (allowed, refused) = flood(&gate, 10_000, |n| format!("/open?{n}")).await;
    assert_eq!(allowed + refused, 10_000);
    assert!(allowed > 0);
    eventually("the memory to settle", async || {
        let after = gate.service.resident_bytes().expect("alive");
        (after < before + 64 * 1024 * 1024).then_some(())
    })
    .await;
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    gate.service.check_running().expect("still there");
}

/// `calls` at once on eight connections: how many were allowed, how many answered 503 or, for
/// every second one whose token is forged, 401.
async fn flood(gate: &Gate, calls: usize, path: impl Fn(usize) -> String) -> (usize, usize) {
    let good = gate.token();
    let (input, signature) = good.rsplit_once('.').unwrap();
    let clients: Vec<_> = (0..8).map(|_| gate.client()).collect();
    let tasks: Vec<_> = (0..calls)
        .map(|n| {
            let token = if n % 2 == 0 {
                good.clone()
            } else {
                // Another text each time, so that nothing can be remembered of it usefully.
                format!("{input}.{:08x}{}", n, &signature[8..])
            };
            let mut client = clients[n % clients.len()].clone();
            let message = Call::get(&path(n)).bearer(&token).message();
            tokio::spawn(async move { Answer::of(client.check(message).await.expect("an answer").into_inner()) })
        })
        .collect();
    let (mut allowed, mut refused) = (0, 0);
    for (n, task) in tasks.into_iter().enumerate() {
        let answer = task.await.expect("no panic");
        match answer.verdict().as_str() {
            "ok" if n % 2 == 0 => allowed += 1,
            // Too many at once, or too long on its way in: both in time, both recorded.
            "503 temporarily_unavailable overloaded" | "503 temporarily_unavailable deadline_exceeded" => refused += 1,
            "401 invalid_token signature_invalid" if n % 2 == 1 => refused += 1,
            other => panic!("call {n}: {other}"),
        }
    }
    (allowed, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn distinct_good_tokens_do_not_grow_the_memory() {
    let gate = Plan::new().set("/limits/verified_tokens", json!(100)).start();
    let client = gate.client();
    let round = async |count: usize| {
        for _ in 0..count {
            let message = Call::get("/open").bearer(&gate.mint(&alice())).message();
            let answer = client.clone().check(message).await.expect("an answer").into_inner();
            assert!(Answer::of(answer).allowed());
        }
        gate.service.resident_bytes().expect("alive")
    };
    let before = round(300).await;
    let after = round(2000).await;
    assert!(after < before + 16 * 1024 * 1024, "from {before} to {after} bytes");
}
