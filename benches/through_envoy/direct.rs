//! Straight over the Unix socket, without Envoy: h2load with one prebuilt gRPC frame.
//!
//! h2load reads no grpc-status and repeats one body, so a real client asks first whether the answers are right.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message;
use tokio::runtime::Runtime;
use tonic::transport::Endpoint;

use crate::stand::Authz;

/// Calls in flight: 4 connections of 32 streams.
const CONNECTIONS: u32 = 4;
const STREAMS: u32 = 32;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Direct {
    pub(crate) per_second: f64,
    /// CPU of the server, µs per call.
    pub(crate) cpu: f64,
}

/// Loads `authz` with Checks that bear `token`.
pub(crate) fn run(authz: &Authz, dir: &Path, token: &str, seconds: u32) -> Direct {
    let frame = dir.join("check.frame");
    fs::write(&frame, grpc_frame(&check_request(token))).expect("the frame");
    let before = authz.service.cpu_time().expect("it runs");
    let output = Command::new("h2load")
        .args(["--threads", "1", "--clients", &CONNECTIONS.to_string()])
        .args(["--max-concurrent-streams", &STREAMS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .args(["--header", "content-type: application/grpc", "--header", "te: trailers"])
        .arg(format!("--base-uri=unix:{}", authz.socket.display()))
        .arg("--data")
        .arg(&frame)
        .arg("http://localhost/envoy.service.auth.v3.Authorization/Check")
        .output()
        .expect("h2load runs: testbed/install-tools.sh");
    let after = authz.service.cpu_time().expect("it runs");
    authz.forget_records();
    let text = String::from_utf8_lossy(&output.stdout);
    let done = number_before(&text, " done,");
    let failed = number_before(&text, " failed,");
    assert!(done > 0.0 && failed < 0.5, "h2load printed {text}");
    Direct { per_second: number_before(&text, " req/s"), cpu: after.saturating_sub(before).as_secs_f64() * 1e6 / done }
}

/// The number that stands before `unit` in h2load's text.
fn number_before(text: &str, unit: &str) -> f64 {
    text.split_once(unit)
        .and_then(|(before, _)| before.split_whitespace().last())
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| unreachable!("no number before `{unit}` in {text}"))
}

/// The `status.code` of each answer: 0 is an allow.
pub(crate) fn probe(authz: &Authz, tokens: &[&str]) -> Vec<i32> {
    let target = format!("unix:{}", authz.socket.display());
    Runtime::new().expect("a runtime").block_on(async {
        let channel = Endpoint::try_from(target).expect("a path").connect().await;
        let mut client = AuthorizationClient::new(channel.expect("a connection"));
        let mut codes = Vec::new();
        for token in tokens {
            let answer = client.check(check_request(token)).await.expect("an answer");
            codes.push(answer.into_inner().status.map_or(0, |status| status.code));
        }
        codes
    })
}

/// What Envoy sends for `GET /invoices` by wrk.
fn check_request(token: &str) -> CheckRequest {
    let headers = [
        (":authority", "127.0.0.1:10000"),
        (":path", "/invoices"),
        (":method", "GET"),
        (":scheme", "http"),
        ("authorization", &format!("Bearer {token}")),
        ("x-forwarded-proto", "http"),
        ("x-request-id", "5f9bd5d4-6f0e-4c5c-8c8a-4d1b6a0f2f0e"),
    ];
    let header = |(key, value): (&str, &str)| HeaderValue {
        key: key.to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let http = HttpRequest {
        id: "12345678901234567890".to_owned(),
        method: "GET".to_owned(),
        path: "/invoices".to_owned(),
        host: "127.0.0.1:10000".to_owned(),
        scheme: "http".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        header_map: Some(HeaderMap { headers: headers.map(header).to_vec() }),
        ..HttpRequest::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Request { http: Some(http), ..Request::default() }),
            context_extensions: HashMap::new(),
            ..AttributeContext::default()
        }),
    }
}

/// gRPC's length-prefixed message: uncompressed, four bytes of length, the message.
fn grpc_frame(request: &CheckRequest) -> Vec<u8> {
    let message = request.encode_to_vec();
    let length = u32::try_from(message.len()).expect("a small message");
    [&[0], length.to_be_bytes().as_slice(), &message].concat()
}
