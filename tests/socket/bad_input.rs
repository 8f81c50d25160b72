//! Bad input gets a clear refusal and a record: never a crash, a hang, an open door or unbounded memory.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::Request as RequestContext;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use http::uri::PathAndQuery;
use prost::Message as _;
use serde_json::json;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

use crate::support::gate::command;
use crate::support::tokens::{alice, of, spoiled};
use crate::support::{Answer, Call, Gate, Plan, eventually};

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_too_deep_to_read_is_refused_and_recorded() {
    let mut gate = Plan::new().set("/limits/token_bytes", json!(65_536)).start();
    let deep = |depth: usize| {
        let act = format!("{}null{}", r#"{"sub":"planner","act":"#.repeat(depth), "}".repeat(depth));
        spoiled(&gate.plan.key, |_, payload| *payload = payload.replace(r#"{"sub":"planner"}"#, &act))
    };
    let chain = |depth: usize| {
        let actors = (0..depth).map(|n| if n == 0 { "planner".to_owned() } else { format!("a{n}") });
        gate.mint(&of("alice").actors(actors.collect::<Vec<_>>()))
    };
    let (too_deep, malformed) = ("403 actor_unauthorized depth_exceeded", "401 invalid_token token_malformed");
    for (token, expected) in [
        (chain(32), "ok"),
        (chain(33), too_deep),
        (chain(100), too_deep),
        (chain(1000), malformed),
        (deep(1000), malformed),
        (deep(2000), malformed),
    ] {
        let answer = gate.get("/deep", &token).await;
        assert_eq!(answer.verdict(), expected);
        assert_eq!(gate.record(&answer)["decision_id"], *answer.decision_id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_headers_and_bytes_that_are_no_text_change_nothing_else() {
    let gate = Plan::new().start();
    let call = || Call::get("/open").bearer(&gate.token());
    let huge = "x".repeat(1_000_000);
    for (name, call, expected) in [
        ("1 MB in a header nobody reads", call().header("x-huge", &huge), "ok"),
        ("1 MB in x-request-id", call().header("x-request-id", &huge), "ok"),
        ("1 MB in traceparent", call().header("traceparent", &huge), "ok"),
        ("1 MB in the content type", call().header("content-type", &huge), "ok"),
        ("1 MB in our own name", call().header("x-hopgate-subject", &huge), "ok"),
        ("10000 headers", (0..10_000).fold(call(), |call, n| call.header(&format!("x-{n}"), "")), "ok"),
        ("bytes in x-request-id", call().header("x-request-id", b"\xff\xfe"), "ok"),
        ("bytes in traceparent", call().header("traceparent", b"00-\xff-\xfe"), "ok"),
        ("bytes in the content type", call().header("content-type", b"application/grp\xff"), "ok"),
        ("a name that is no text", call().header("\u{0}\u{1b}[2J", "x"), "ok"),
        ("1 MB of token", Call::get("/open").bearer(&huge), "401 invalid_token token_too_large"),
        ("1 MB of path", Call::get(&format!("/{huge}")).bearer(&gate.token()), "403 access_denied route_unknown"),
        ("1 MB of dots", Call::get(&format!("/{}", "/..".repeat(300_000))), "400 invalid_request path_ambiguous"),
        ("1 MB of method", Call::new(&huge, "/open").bearer(&gate.token()), "403 access_denied route_unknown"),
        ("1 MB of peer", call().peer(&huge), "ok"),
        ("1 MB of service", call().service(&huge), "403 access_denied service_unknown"),
        ("1 MB of query", Call::get(&format!("/open?{}", "&".repeat(1_000_000))).bearer(&gate.token()), "ok"),
        (
            "1 MB of authorization",
            Call::get("/open").header("authorization", &huge),
            "401 unauthorized scheme_unsupported",
        ),
    ] {
        let answer = gate.ask(&call).await;
        assert_eq!(answer.verdict(), expected, "{name}");
    }
    let longest = gate.service.lines().iter().map(String::len).max().expect("records");
    assert!(longest < 16_384, "a record is bounded whatever was sent, found {longest} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_or_no_message_at_all_is_a_refusal_and_no_grpc_error() {
    let mut gate = Plan::new().set("/limits/message_bytes", json!(20_000)).start();
    let good = Call::get("/open").bearer(&gate.token()).message().encode_to_vec();
    let large = Call::get("/open").bearer(&gate.token()).header("x", "x".repeat(20_000)).message().encode_to_vec();
    for (name, bytes, expected) in [
        ("a good one", good.clone(), "ok"),
        ("over the limit", large, "503 temporarily_unavailable request_too_large"),
        ("far over the limit", vec![0; 50_000_000], "503 temporarily_unavailable request_too_large"),
        ("no protobuf", vec![0xff; 100], "503 temporarily_unavailable internal_error"),
        ("cut off", good[..good.len() - 1].to_vec(), "503 temporarily_unavailable internal_error"),
        ("another field's type", vec![0x08, 0x01], "503 temporarily_unavailable internal_error"),
        (
            "text that is no UTF-8",
            vec![0x0a, 0x06, 0x0a, 0x04, 0x12, 0x02, 0xff, 0xfe],
            "503 temporarily_unavailable internal_error",
        ),
        ("unknown fields only", vec![0xf8, 0x07, 0x01], "400 invalid_request request_incomplete"),
        ("nothing", vec![], "400 invalid_request request_incomplete"),
    ] {
        let answer = raw(&gate, bytes).await;
        assert_eq!(answer.verdict(), expected, "{name}");
        let record = gate.record(&answer);
        assert_eq!(record["reason"].as_str().unwrap_or_default(), answer.reason, "{name}");
    }
}

/// Whatever is changed in a good message, there is an answer; and one bit of a token is enough to
/// lose it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_any_byte_changed_is_answered() {
    let mut gate = Plan::new().start();
    let token = gate.token();
    let good = Call::get("/open").bearer(&token).peer("spiffe://demo.local/a").service("invoices").message();
    let good = good.encode_to_vec();
    let at_token = good.windows(token.len()).position(|part| part == token.as_bytes()).expect("the token");
    for at in 0..good.len() {
        for change in [0x01, 0x80] {
            let mut bytes = good.clone();
            bytes[at] ^= change;
            let answer = raw(&gate, bytes).await;
            let in_token = (at_token..at_token + token.len()).contains(&at);
            assert!(!(in_token && answer.allowed()), "byte {at} ^ {change:#x}");
        }
    }
    gate.service.check_running().expect("still there");
    assert!(!gate.log().contains("panic"), "{}", gate.log());
}

/// Streams that begin and never send their message, as many as may be in progress at once.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_never_finished_do_not_shut_out_others() {
    let gate = Plan::new().set("/limits/concurrency", json!(8)).start();
    let channel = gate.channel();
    let half: Vec<_> = (0..8)
        .map(|_| {
            let mut client = tonic::client::Grpc::new(channel.clone());
            tokio::spawn(async move {
                client.ready().await.expect("a connection");
                let nothing = Request::new(futures_util::stream::pending::<Vec<u8>>());
                client.client_streaming(nothing, PathAndQuery::from_static(CHECK), Bytes).await
            })
        })
        .collect();
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

/// Groups nested a thousand deep: protobuf's own way to exhaust a reader's stack.
#[tokio::test(flavor = "multi_thread")]
async fn protobuf_nested_without_end_is_a_refusal() {
    let gate = Plan::new().start();
    let answer = raw(&gate, vec![0x0b; 100_000]).await;
    assert_eq!(answer.status, 503, "{}", answer.verdict());
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_envoy_left_out_is_refused() {
    let gate = Plan::new().start();
    let incomplete = "400 invalid_request request_incomplete";
    let attributes = |request| CheckRequest { attributes: Some(AttributeContext { request, ..Default::default() }) };
    for (name, message, expected) in [
        ("everything", CheckRequest::default(), incomplete),
        ("the request", attributes(None), incomplete),
        ("the HTTP part", attributes(Some(RequestContext::default())), incomplete),
        ("the path", Call::new("GET", "").bearer(&gate.token()).message(), incomplete),
        ("the method", Call::new("", "/open").bearer(&gate.token()).message(), incomplete),
        ("the headers", Call::get("/open").message(), "401 unauthorized credential_missing"),
    ] {
        assert_eq!(Answer::of(gate.send(message).await).verdict(), expected, "without {name}");
    }
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

/// A message of any bytes, as gRPC frames it.
async fn raw(gate: &Gate, bytes: Vec<u8>) -> Answer {
    let mut client = tonic::client::Grpc::new(gate.channel());
    client.ready().await.expect("a connection");
    let path = PathAndQuery::from_static(CHECK);
    let answer: Result<tonic::Response<Vec<u8>>, Status> = client.unary(Request::new(bytes), path, Bytes).await;
    let bytes = answer.expect("an answer and no gRPC error").into_inner();
    Answer::of(CheckResponse::decode(bytes.as_slice()).expect("a CheckResponse"))
}

#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_distinct_good_tokens_do_not_grow_the_memory() {
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
