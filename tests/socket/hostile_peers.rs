//! What callers can make Envoy do to the one connection that carries everybody's checks. A gRPC
//! error here is an allow under `failure_mode_allow`.

use std::task::{Context, Poll, Waker};

use futures_util::FutureExt as _;

use crate::support::{Answer, Call, Plan};

/// h2 ends a connection with more than 20 streams that were reset before they were looked at. Envoy
/// resets a check whenever its caller hangs up.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_end_nobody_elses() {
    let gate = Plan::new().start();
    let (client, token) = (gate.client(), gate.token());
    let good = Call::get("/open").bearer(&token).message();
    let innocent = {
        let (client, good) = (client.clone(), good.clone());
        tokio::spawn(async move {
            for _ in 0..400 {
                let answer = client.clone().check(good.clone()).await.expect("an answer and no gRPC error");
                assert_eq!(Answer::of(answer.into_inner()).verdict(), "ok");
            }
        })
    };
    // Fewer than 1024 in all, where the client's own guard against itself would end the connection.
    for _ in 0..15 {
        let burst: Vec<_> = (0..60)
            .map(|_| {
                let (mut client, good) = (client.clone(), good.clone());
                let mut call = async move { client.check(good).await }.boxed();
                // Begun, so that its stream is opened, and then dropped.
                let begun = call.poll_unpin(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(begun, Poll::Pending | Poll::Ready(Ok(_))), "{begun:?}");
                call
            })
            .collect();
        tokio::task::yield_now().await;
        drop(burst);
        tokio::task::yield_now().await;
    }
    innocent.await.expect("every other call is answered");
}

/// A tracer may pass a caller's headers on to us; beyond hyper's 16 KB the answer would be a 431.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_as_large_as_headers_may_be_is_answered_like_any() {
    let gate = Plan::new().start();
    for size in [1_000, 17_000, 96_000] {
        let mut request = tonic::Request::new(Call::get("/open").bearer(&gate.token()).message());
        request.metadata_mut().insert("tracestate", "x".repeat(size).parse().expect("ASCII"));
        let answer = gate.client().check(request).await.expect("an answer and no gRPC error");
        assert_eq!(Answer::of(answer.into_inner()).verdict(), "ok", "{size}");
    }
}
