//! Bad input gets a clear refusal and a record: never a crash, a hang or an open door.

use envoy_types::pb::envoy::service::auth::v3::attribute_context::Request as RequestContext;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message as _;
use serde_json::json;

use crate::support::tokens::{of, spoiled};
use crate::support::{Answer, Call, Plan, raw};

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
        let answer = raw::ask(gate.channel(), bytes).await;
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
            let answer = raw::ask(gate.channel(), bytes).await;
            let in_token = (at_token..at_token + token.len()).contains(&at);
            assert!(!(in_token && answer.allowed()), "byte {at} ^ {change:#x}");
        }
    }
    gate.service.check_running().expect("still there");
    assert!(!gate.log().contains("panic"), "{}", gate.log());
}

/// Groups nested a thousand deep: protobuf's own way to exhaust a reader's stack.
#[tokio::test(flavor = "multi_thread")]
async fn protobuf_nested_without_end_is_a_refusal() {
    let gate = Plan::new().start();
    let answer = raw::ask(gate.channel(), vec![0x0b; 100_000]).await;
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
