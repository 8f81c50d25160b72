//! No decision record holds a secret of its call, or a character that acts on whoever reads it: whatever is asked, however it is
//! spoiled, and however it ends. From the message as Envoy sends it to the line; `tests/socket/redaction.rs` has the process.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use hopgate::audit::{Decided, Facts, Record};
use hopgate::authz::{self, Claimed, UnixTime};
use hopgate::dev::keys::SigningKey;
use hopgate::dev::proof::ProofBuilder;
use hopgate::envoy::decode::{BODY_MARKER, SERVICE_EXTENSION, decode};
use hopgate::live::State;
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::support::{KEY, NOW, state_of, token};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: invoices
    audience: https://invoices.demo.local
    routes:
      - { name: list, match: { method: GET, path: /invoices }, scopes: ["invoices:read"] }
      - { name: pay, match: { method: POST, path: "/invoices/{id}/pay" }, single_use: true }
      - name: refund
        match: { method: POST, path: "/invoices/{id}/refund" }
        body: json
        arguments: { note: string }
        approval: { type: refund, match: { amount: arguments.amount } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        methods: { "*": {} }
        tools: { "*": {} }
        resources: { "https://docs.example/*": {}, "file:///docs/*": {} }
        prompts: { "*": {} }
      - { name: a2a, match: { a2a: { json_rpc: /a2a } }, methods: { "*": {} } }
enforcement: { audience: $mode, caller: $mode, sender: $mode, scopes: $mode, approval: $mode }
"#;

/// One call, all of whose secrets are `secret`.
#[derive(Clone, Debug)]
struct Case {
    secret: String,
    /// Text from outside that may be recorded, if it does nothing there.
    nasty: String,
    credential: &'static str,
    asked: &'static str,
    spoiled: &'static str,
    query: &'static str,
    at: Index,
    headers_too: bool,
    claimed: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    let nasty = prop_oneof![
        any::<String>(),
        "[a-z]{1,8}",
        Just("\r\n{\"decision\":\"allow\"}\n".to_owned()),
        Just("\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}2J".to_owned()),
        Just("\u{202e}\u{2066}\u{200b}\u{feff}\u{85}\u{2028}\0\u{7f}".to_owned()),
        Just("\u{e9}".repeat(3000)),
    ];
    let credential = select(vec![
        "good",
        "good",
        "good",
        "proven",
        "proven",
        "forged",
        "changed",
        "unsigned",
        "basic",
        "opaque",
        "twice",
        "bytes",
        "bad proof",
        "none",
    ]);
    let asked = select(vec![
        "list",
        "pay",
        "refund",
        "tool",
        "resource",
        "file",
        "prompt",
        "completion",
        "task",
        "method",
        "message",
        "a2a task",
        "path",
    ]);
    let spoiled =
        select(vec!["", "", "", "", "cut", "doubled", "batched", "control", "partial", "text", "bytes", "headers"]);
    let query = select(vec!["?q=", "?q=", "?q=", "?q=", "?q=", "?q=", "?access_token=", "#"]);
    ("[A-Za-z0-9]{40}", nasty, credential, asked, spoiled, query, any::<Index>(), any::<bool>(), 0..5usize).prop_map(
        |(secret, nasty, credential, asked, spoiled, query, at, headers_too, claimed)| Case {
            secret,
            nasty,
            credential,
            asked,
            spoiled,
            query,
            at,
            headers_too,
            claimed,
        },
    )
}

impl Case {
    /// Method, path and body.
    fn target(&self) -> (&str, String, Option<Value>) {
        let (secret, nasty) = (self.secret.as_str(), self.nasty.as_str());
        let values = json!({ "password": secret, "deep": [{ "key": secret }], nasty: secret });
        let call = |path: &str, method: &str, params: Value| {
            let body = json!({ "jsonrpc": "2.0", "id": secret, "method": method, "params": params });
            ("POST", path.to_owned(), Some(body))
        };
        match self.asked {
            "list" => ("GET", "/invoices".to_owned(), None),
            "pay" => ("POST", "/invoices/7/pay".to_owned(), None),
            "refund" => (
                "POST",
                "/invoices/7/refund".to_owned(),
                Some(json!({ "note": secret, "amount": secret, "x": values })),
            ),
            "tool" => call("/mcp", "tools/call", json!({ "name": "search", "arguments": values })),
            "resource" => {
                let uri = format!("https://me:{secret}@docs.example/a?key={secret}#{secret}");
                call("/mcp", "resources/read", json!({ "uri": uri }))
            }
            "file" => call("/mcp", "resources/read", json!({ "uri": format!("file:///docs/a?{secret}") })),
            "prompt" => call("/mcp", "prompts/get", json!({ "name": nasty, "arguments": values })),
            "completion" => {
                let reference = json!({ "type": "ref/resource", "uri": format!("file:///docs/a?{secret}") });
                let argument = json!({ "name": nasty, "value": secret });
                call("/mcp", "completion/complete", json!({ "ref": reference, "argument": argument }))
            }
            "task" => call("/mcp", "tasks/get", json!({ "taskId": secret })),
            "method" => call("/mcp", nasty, values),
            "message" => {
                let hook = json!({ "url": format!("https://me:{secret}@x.example/?k={secret}"), "token": secret });
                let message = json!({ "messageId": secret, "role": "ROLE_USER", "parts": [{ "text": secret }] });
                let configuration = json!({ "pushNotificationConfig": hook, "taskPushNotificationConfig": hook });
                call(
                    "/a2a",
                    "SendMessage",
                    json!({ "message": message, "configuration": configuration, "metadata": values }),
                )
            }
            "a2a task" => call("/a2a", "GetTask", json!({ "id": secret })),
            _ => (nasty, format!("/{nasty}"), None),
        }
    }

    fn body(&self, body: &Value) -> Vec<u8> {
        let mut text = body.to_string();
        let mut at = self.at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        match self.spoiled {
            "cut" => text.truncate(at),
            "doubled" => text = text.replacen('{', &format!("{{\"id\":\"{}\",", self.secret), 1),
            "batched" => text = format!("[{text},{text}]"),
            "control" => text.insert(at, '\u{1b}'),
            "bytes" => return [&text.as_bytes()[..at], b"\xff\xfe", &text.as_bytes()[at..]].concat(),
            _ => {}
        }
        text.into_bytes()
    }

    /// The headers with the credential, and what in them must not be found again.
    fn credential(&self, prover: &SigningKey) -> (Vec<(&'static str, Vec<u8>)>, Vec<String>) {
        let secret = &self.secret;
        let builder = token()
            .scope("invoices:read")
            .claim("private", json!(secret))
            .claim("sub", json!(self.nasty.chars().take(200).collect::<String>()));
        let good = builder.sign(&KEY).unwrap();
        let bound = builder.claim("cnf", json!({ "jkt": prover.kid() })).sign(&KEY).unwrap();
        let proof = ProofBuilder::new("GET", "https://invoices.demo.local/invoices", &bound);
        let proof = proof.claim("iat", json!(NOW)).claim("private", json!(secret)).sign(prover).unwrap();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let bearer = |token: &str| vec![("authorization", format!("Bearer {token}").into_bytes())];
        let headers = match self.credential {
            "good" => bearer(&good),
            "proven" => vec![("authorization", format!("DPoP {bound}").into()), ("dpop", proof.clone().into())],
            "bad proof" => {
                vec![("authorization", format!("DPoP {bound}").into()), ("dpop", format!("{secret}.{secret}").into())]
            }
            "forged" => bearer(&format!("{input}.{}", bound.rsplit('.').next().unwrap())),
            "changed" => {
                let at = self.at.index(good.len());
                bearer(&format!("{}{}{}", &good[..at], "-", &good[at + 1..]))
            }
            "unsigned" => bearer(&format!("{input}.")),
            "basic" => vec![("authorization", format!("Basic {secret}").into())],
            "opaque" => bearer(secret),
            "twice" => [bearer(&good), bearer(secret)].concat(),
            "bytes" => vec![("authorization", [b"Bearer \xff\x00\x1b".as_slice(), secret.as_bytes()].concat())],
            _ => Vec::new(),
        };
        let parts = [input, signature, &bound, &proof].into_iter().flat_map(|text| text.split('.'));
        (headers, parts.map(str::to_owned).collect())
    }

    fn message(&self, credential: Vec<(&'static str, Vec<u8>)>) -> CheckRequest {
        let (secret, nasty) = (self.secret.as_bytes(), self.nasty.as_bytes());
        let (method, path, body) = self.target();
        let mut headers = credential;
        headers.push(("cookie", [b"session=".as_slice(), secret].concat()));
        headers.push(("x-request-id", nasty.to_vec()));
        headers.push(("traceparent", [b"00-".as_slice(), nasty, b"-"].concat()));
        if self.headers_too {
            headers
                .push(("x-forwarded-client-cert", [b"Hash=".as_slice(), secret, b";Cert=\"", secret, b"\""].concat()));
            for name in ["proxy-authorization", "x-api-key", "x-hopgate-subject"] {
                headers.push((name, secret.to_vec()));
            }
        }
        let mut http = HttpRequest { method: method.to_owned(), ..HttpRequest::default() };
        http.path = format!("{path}{}{}", self.query, self.secret);
        if let Some(body) = &body {
            http.raw_body = self.body(body);
            if self.spoiled == "text" {
                http.body = String::from_utf8_lossy(&std::mem::take(&mut http.raw_body)).into_owned();
            }
            headers.push(("content-type", b"application/json".to_vec()));
            headers.push(("mcp-protocol-version", b"2025-11-25".to_vec()));
            headers.push(("a2a-version", b"1.0".to_vec()));
            if self.spoiled == "headers" {
                let name = ["mcp-name", "mcp-method", "content-encoding", "content-length"][self.at.index(4)];
                headers.push((name, secret.to_vec()));
            }
            headers.push((BODY_MARKER, if self.spoiled == "partial" { "true" } else { "false" }.into()));
        }
        let raw =
            |(key, raw_value): (&str, _)| HeaderValue { key: key.to_owned(), raw_value, ..HeaderValue::default() };
        http.header_map = Some(HeaderMap { headers: headers.into_iter().map(raw).collect() });
        let certificate = if self.headers_too { self.secret.clone() } else { String::new() };
        let service = if self.asked == "path" { self.nasty.as_str() } else { "invoices" };
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(Peer { principal: self.nasty.clone(), certificate, ..Peer::default() }),
                request: Some(Request { http: Some(http), ..Request::default() }),
                context_extensions: [(SERVICE_EXTENSION.to_owned(), service.to_owned())].into(),
                ..AttributeContext::default()
            }),
        }
    }
}

/// The record of `message`, whose claims are all answered as `claimed`.
fn record(state: &State, message: &CheckRequest, claimed: Claimed) -> Vec<u8> {
    let decoded = decode(message);
    let mut evaluation = authz::evaluate(&state.snapshot, &decoded.request, UnixTime::from_secs(NOW));
    while evaluation.next_claim().is_some() {
        evaluation = evaluation.settled(claimed);
    }
    let facts = Facts {
        time: SystemTime::UNIX_EPOCH,
        decision_id: "id",
        trace: decoded.trace,
        request_id: decoded.request_id,
        method: decoded.request.method,
        path: decoded.path(),
        grpc: decoded.grpc,
        peer: decoded.request.peer,
        snapshot: &state.snapshot,
        redaction: &state.redaction,
        findings: &evaluation.findings,
        trail: &evaluation.trail,
        decided: Decided::of(&evaluation.outcome),
        duration: Duration::ZERO,
    };
    Record::new(&facts).to_line().unwrap()
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(texts).collect(),
        Value::Object(members) => members.iter().flat_map(|(name, value)| [name.clone(), texts(value)]).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => String::new(),
    }
}

/// How many bytes in a row of a secret are a leak.
const PIECE: usize = 16;

#[test]
fn no_record_holds_a_secret_or_a_character_that_acts() {
    let states = ["enforce", "observe"].map(|mode| state_of(&CONFIG.replace("$mode", mode), &[]));
    let prover = SigningKey::generate(Algorithm::ES256).unwrap();
    let outcomes = RefCell::new(BTreeMap::<String, u32>::new());
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() };
    proptest!(config, |(case in cases(), observed in any::<bool>())| {
        let claimed = [Claimed::Fresh, Claimed::Used, Claimed::Unprovable, Claimed::Full, Claimed::Unavailable];
        let (credential, mut secrets) = case.credential(&prover);
        let message = case.message(credential);
        let line = record(&states[usize::from(observed)], &message, claimed[case.claimed]);
        prop_assert!(line.iter().all(|byte| *byte >= b' ' && *byte != 0x7f), "a raw control character");
        let record: Value = serde_json::from_slice(&line).unwrap();
        prop_assert!(!texts(&record).chars().any(acts), "{record}");
        secrets.push(case.secret.clone());
        let pieces: HashSet<_> = secrets.iter().flat_map(|secret| secret.as_bytes().windows(PIECE)).collect();
        let leaked = line.windows(PIECE).find(|piece| pieces.contains(piece));
        prop_assert_eq!(leaked.map(String::from_utf8_lossy), None, "in {}", record);
        let outcome = record["reason"].as_str().or(record["decision"].as_str()).unwrap().to_owned();
        *outcomes.borrow_mut().entry(outcome).or_default() += 1;
    });
    // That the calls went far enough to have had something to tell.
    let outcomes = outcomes.into_inner();
    for outcome in [
        "allow",
        "body_malformed",
        "call_batched",
        "credential_missing",
        "credential_twice",
        "header_repeated",
        "path_ambiguous",
        "proof_method_mismatch",
        "resource_unknown",
        "scheme_unsupported",
        "signature_invalid",
        "token_malformed",
    ] {
        assert!(outcomes.contains_key(outcome), "no call ended in `{outcome}`: {outcomes:#?}");
    }
}
