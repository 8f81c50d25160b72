//! What the configuration has hashed or dropped stands in no record, nor in what Envoy's log is told, whatever is asked and
//! however it ends; and nothing else of the record changes.

use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use hopgate::audit::{Decided, Facts, HashKey, Record, Redactable, Redaction};
use hopgate::authz::{self, Claimed, Evaluation, UnixTime};
use hopgate::envoy::decode::{BODY_MARKER, Decoded, SERVICE_EXTENSION, decode};
use hopgate::envoy::encode::{self, Told};
use hopgate::live::State;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use crate::support::{KEY, NOW, load, state_of, token};

const SECRET: [u8; 32] = [7; 32];

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: invoices
    audience: https://invoices.demo.local
    routes:
      - { name: one, match: { method: GET, path: "/invoices/{id}" }, scopes: ["invoices:read"] }
      - { name: pay, match: { method: POST, path: "/invoices/{id}/pay" }, single_use: true }
      - { name: high, match: { method: GET, path: "/high/{id}" }, step_up: { acr_values: ["urn:x:high"], max_age: 1m } }
      - { name: mcp, match: { mcp: { path: "/mcp/{id}" } }, tools: { "*": {} }, prompts: { "*": {} } }
      - { name: a2a, match: { a2a: { json_rpc: /a2a, tenants: ["*"] } }, methods: { "*": {} } }
enforcement: { all: $mode }
"#;

/// One call in which every field that can be hidden says `mark` in a way of its own.
#[derive(Clone, Debug)]
struct Case {
    mark: String,
    asked: &'static str,
    token: &'static str,
    claimed: Claimed,
}

fn cases() -> impl Strategy<Value = Case> {
    let asked = select(vec!["one", "pay", "high", "tool", "prompt", "method", "batch", "a2a", "nowhere", "twice"]);
    let token = select(vec!["good", "good", "good", "forged", "expired", "elsewhere", "none"]);
    let claimed = select(vec![Claimed::Fresh, Claimed::Used, Claimed::Unprovable, Claimed::Full, Claimed::Unavailable]);
    ("[a-z0-9]{12}", asked, token, claimed).prop_map(|(mark, asked, token, claimed)| Case {
        mark,
        asked,
        token,
        claimed,
    })
}

impl Case {
    /// What the call says of `field`, if it says it at all.
    fn says(&self, field: Redactable) -> String {
        match field {
            Redactable::Peer => format!("spiffe://td/{}/peer", self.mark),
            // Not the beginning of another's.
            Redactable::Operation => format!("{}-asked", self.mark),
            Redactable::AuthTime => "1767225123".to_owned(),
            field => format!("{}-{}", self.mark, field.name().replace('_', "-")),
        }
    }

    fn bearer(&self) -> Option<String> {
        let says = |field| json!(self.says(field));
        let token = token()
            .client_id(&self.says(Redactable::ClientId))
            .claim("sub", says(Redactable::Subject))
            .claim("jti", says(Redactable::Jti))
            .claim("acr", says(Redactable::Acr))
            .claim("auth_time", json!(1_767_225_123));
        let token = match self.token {
            "none" => return None,
            "expired" => token.claim("exp", json!(NOW - 3600)),
            "elsewhere" => token.claim("aud", json!("https://other.demo.local")),
            _ => token,
        };
        let signed = token.sign(&KEY).unwrap();
        let signature = if self.token == "forged" { "AAAA" } else { "" };
        Some(format!("Bearer {signed}{signature}"))
    }

    fn message(&self) -> CheckRequest {
        let path = self.says(Redactable::Path);
        let rpc = |path: String, method: &str, params: Value| {
            ("POST", path, Some(json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })))
        };
        let mcp = |method: &str, params: Value| rpc(format!("/mcp/{path}"), method, params);
        let name = self.says(Redactable::OperationName);
        let (method, path, body) = match self.asked {
            "one" | "twice" => ("GET", format!("/invoices/{path}"), None),
            "pay" => ("POST", format!("/invoices/{path}/pay"), None),
            "high" => ("GET", format!("/high/{path}"), None),
            "tool" => mcp("tools/call", json!({ "name": name, "arguments": {} })),
            "prompt" => mcp("prompts/get", json!({ "name": name })),
            "method" => mcp(&self.says(Redactable::Operation), json!({})),
            "batch" => ("POST", format!("/mcp/{path}"), Some(json!([]))),
            "a2a" => rpc("/a2a".to_owned(), "GetTask", json!({ "id": "1", "tenant": self.says(Redactable::Tenant) })),
            _ => ("GET", format!("/nowhere/{path}"), None),
        };
        let mut headers = vec![("x-request-id", self.says(Redactable::RequestId)), ("a2a-version", "1.0".to_owned())];
        headers.extend(self.bearer().map(|value| ("authorization", value)));
        if self.asked == "twice" {
            headers.push(("authorization", "Bearer x".to_owned()));
        }
        let mut http = HttpRequest { method: method.to_owned(), path, ..HttpRequest::default() };
        if let Some(body) = body {
            http.raw_body = body.to_string().into_bytes();
            headers.push(("content-type", "application/json".to_owned()));
            headers.push(("mcp-protocol-version", "2025-11-25".to_owned()));
            headers.push((BODY_MARKER, "false".to_owned()));
        }
        let raw = |(key, value): (&str, String)| HeaderValue {
            key: key.to_owned(),
            raw_value: value.into_bytes(),
            ..HeaderValue::default()
        };
        http.header_map = Some(HeaderMap { headers: headers.into_iter().map(raw).collect() });
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(Peer { principal: self.says(Redactable::Peer), ..Peer::default() }),
                request: Some(Request { http: Some(http), ..Request::default() }),
                context_extensions: [(SERVICE_EXTENSION.to_owned(), "invoices".to_owned())].into(),
                ..AttributeContext::default()
            }),
        }
    }
}

fn decided(state: &State, decoded: &Decoded<'_>, claimed: Claimed) -> Evaluation {
    let mut evaluation = authz::evaluate(&state.snapshot, &decoded.request, UnixTime::from_secs(NOW));
    while evaluation.next_claim().is_some() {
        evaluation = evaluation.settled(claimed);
    }
    evaluation
}

fn record(state: &State, decoded: &Decoded<'_>, evaluation: &Evaluation, redaction: &Redaction) -> Value {
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
        redaction,
        findings: &evaluation.findings,
        trail: &evaluation.trail,
        decided: Decided::of(&evaluation.outcome),
        duration: Duration::ZERO,
    };
    serde_json::from_slice(&Record::new(&facts).to_line().unwrap()).unwrap()
}

/// What Envoy is told of a refusal; an allow tells the same of the same findings.
fn metadata(evaluation: &Evaluation, redaction: &Redaction) -> String {
    let told = Told {
        decision_id: "id",
        findings: &evaluation.findings,
        trail: &evaluation.trail,
        proof_algorithms: &[],
        redaction,
    };
    format!("{:?}", encode::deny(authz::Reason::InternalError, told, false).dynamic_metadata.unwrap())
}

/// `plain` with what is to be hashed or dropped at the top and in `claimed`.
fn redacted(mut plain: Value, hashed: &[Redactable], dropped: &[Redactable]) -> Value {
    let key = HashKey::new(&SECRET).unwrap();
    let change = |object: &mut Value| {
        for (name, value) in object.as_object_mut().unwrap() {
            let among = |fields: &[Redactable]| fields.iter().any(|field| field.name() == name);
            if among(dropped) {
                *value = Value::Null;
            } else if among(hashed) && !value.is_null() {
                *value = json!(key.hash(value.as_str().unwrap()));
            }
        }
    };
    change(&mut plain);
    plain.get_mut("claimed").map(change);
    plain
}

#[test]
fn what_is_to_be_hidden_is_nowhere_and_all_else_is_as_it_was() {
    let states = ["enforce", "observe"].map(|mode| state_of(&CONFIG.replace("$mode", mode), &[]));
    let key = HashKey::new(&SECRET).unwrap();
    let some = || subsequence(Redactable::ALL.to_vec(), 0..=Redactable::ALL.len());
    let config = ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() };
    let said = std::cell::RefCell::new(std::collections::BTreeSet::new());
    proptest!(config, |(case in cases(), observed in any::<bool>(), dropped in some(), hashed in some())| {
        let hashable = |field: &Redactable| *field != Redactable::AuthTime && !dropped.contains(field);
        let hashed: Vec<_> = hashed.into_iter().filter(hashable).collect();
        let (state, message) = (&states[usize::from(observed)], case.message());
        let decoded = decode(&message);
        let evaluation = decided(state, &decoded, case.claimed);
        let none = Redaction::default();
        let plain = record(state, &decoded, &evaluation, &none);
        let text = plain.to_string();
        for field in Redactable::ALL {
            if text.contains(&case.says(field)) {
                said.borrow_mut().insert((field.name(), plain.get("claimed").is_some()));
            }
        }

        let redaction = Redaction::new(&hashed, &dropped, Some(key.clone()));
        let found = record(state, &decoded, &evaluation, &redaction);
        prop_assert_eq!(&found, &redacted(plain, &hashed, &dropped));
        let (text, told) = (found.to_string(), metadata(&evaluation, &redaction));
        for field in hashed.iter().chain(&dropped) {
            prop_assert!(!text.contains(&case.says(*field)), "{}: {text}", field.name());
            prop_assert!(!told.contains(&case.says(*field)), "{}: {told}", field.name());
        }
    });
    // That every field was there to be hidden, and those of a token without its being verified as well.
    let said = said.into_inner();
    for field in Redactable::ALL {
        assert!(said.contains(&(field.name(), false)), "`{}` was never said: {said:?}", field.name());
    }
    for field in [Redactable::Subject, Redactable::ClientId, Redactable::Jti] {
        assert!(said.contains(&(field.name(), true)), "`{}` was never claimed: {said:?}", field.name());
    }
}

#[test]
fn what_can_not_be_hidden_so_is_a_fault() {
    let audit = |section: &str| {
        let config = CONFIG.replace("$mode", "enforce");
        let found =
            load(&format!("{config}audit: {section}\n"), &[("key", &"k".repeat(32)), ("short", &"k".repeat(31))]);
        found.map(drop).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    assert_eq!(audit("{ hash: [subject, acr], drop: [auth_time, path], hash_key_file: key }"), Ok(()));
    assert_eq!(audit("{ drop: [subject] }"), Ok(()));
    for (section, fault) in [
        ("{ hash: [subject] }", "audit.hash_key_file: is missing: without a secret, hashes are guessed"),
        ("{ hash: [subject], hash_key_file: short }", "audit.hash_key_file: expected at least 32 bytes"),
        ("{ hash: [subject], drop: [subject], hash_key_file: key }", "audit.hash[0]: `subject` is dropped as well"),
        ("{ hash: [auth_time], hash_key_file: key }", "audit.hash[0]: `auth_time` is a number: it can only be dropped"),
    ] {
        assert_eq!(audit(section), Err(fault.to_owned()), "{section}");
    }
    for name in ["decision", "reason", "check", "time", "seq", "prev", "snapshot", "actor", "actor_chain", "sub"] {
        let fault = audit(&format!("{{ drop: [{name}] }}")).expect_err(name);
        assert!(fault.starts_with(&format!("audit.drop[0]: found `{name}`, expected one of ")), "{fault}");
    }
    let gone = audit("{ hash: [subject], hash_key_file: gone }").expect_err("a fault");
    assert!(gone.starts_with("audit.hash_key_file: can't read `"), "{gone}");
}
