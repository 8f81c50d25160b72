//! The decision core alone: what `evaluate` costs, warm and cold, what the bare signature check in it
//! costs, and what bodies and policies add.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up should stop")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hopgate::authz::{self, Body, Field, Outcome, ProtocolHeaders, Request, UnixTime, VerifiedTokens};
use hopgate::config;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::dev::proof::ProofBuilder;
use hopgate::live::State;
use jsonwebtoken::Algorithm;
use serde_json::json;

const ISSUER: &str = "http://127.0.0.1:9000";
const AUDIENCE: &str = "https://invoices.demo.local";
const PEER: &str = "spiffe://demo.local/ns/agents/sa/researcher";
const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers:
  - { issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }
agents:
  - { id: planner, spiffe: "spiffe://demo.local/ns/agents/sa/planner", scopes: ["invoices:read"] }
  - { id: researcher, spiffe: "spiffe://demo.local/ns/agents/sa/researcher", scopes: ["invoices:read"] }
services:
  - name: invoices
    audience: https://invoices.demo.local
    delegation: { max_depth: 3, require_actor: true, bind_caller: spiffe }
    routes:
      - { name: list, match: { method: GET, path: "/invoices/{id}" }, risk: read, scopes: ["invoices:read"] }
      - name: mcp
        match: { mcp: { path: /mcp } }
        scopes: ["invoices:read"]
        tools: { "search_*": { risk: read } }
"#;
const POLICY: &str = "policy: { files: [policies.cedar], entities: people.json }\n";

/// A hopgate that decides for one key's tokens.
struct Gate {
    state: State,
    key: SigningKey,
    now: UnixTime,
}

impl Gate {
    fn new(folder: &Path, config: &str) -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        std::fs::write(folder.join("jwks.json"), key.jwks().to_string()).unwrap();
        std::fs::write(folder.join("policies.cedar"), include_str!("policies.cedar")).unwrap();
        std::fs::write(folder.join("people.json"), include_str!("people.json")).unwrap();
        let settings = config::load_text(config, folder).unwrap();
        let state = State::first(&settings, Arc::new(VerifiedTokens::with_capacity(10_000))).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        Self { state, key, now: UnixTime::from_secs(i64::try_from(now).unwrap()) }
    }

    fn token() -> TokenBuilder {
        let builder = TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("researcher").scope("invoices:read");
        builder.actors(["researcher", "planner"])
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", Self::token().sign(&self.key).unwrap())
    }

    fn decide(&self, authorization: &str) {
        self.permits(&Request {
            method: "GET",
            target: "/invoices/7?page=2",
            authorization: Field::Once(authorization.as_bytes()),
            peer: Some(PEER),
            ..Request::default()
        });
    }

    fn call_tool(&self, authorization: &str, body: &[u8]) {
        self.permits(&Request {
            method: "POST",
            target: "/mcp",
            authorization: Field::Once(authorization.as_bytes()),
            peer: Some(PEER),
            body: Body::Whole(body),
            headers: ProtocolHeaders {
                content_type: Field::Once(b"application/json"),
                mcp_revision: Field::Once(b"2026-07-28"),
                mcp_method: Field::Once(b"tools/call"),
                mcp_name: Field::Once(b"search_invoices"),
                ..ProtocolHeaders::default()
            },
            ..Request::default()
        });
    }

    fn permits(&self, request: &Request<'_>) {
        let evaluation = authz::evaluate(&self.state.snapshot, black_box(request), self.now);
        assert!(matches!(evaluation.outcome, Outcome::Permitted(_)), "{:?}", evaluation.outcome);
    }
}

fn tokens(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::new(folder.path(), CONFIG);
    let warm = gate.bearer();
    c.bench_function("evaluate, warm", |b| b.iter(|| gate.decide(&warm)));
    c.bench_function("evaluate, cold (ES256)", |b| {
        b.iter_batched(|| gate.bearer(), |token| gate.decide(&token), criterion::BatchSize::LargeInput);
    });
    let bound = Gate::token().claim("cnf", json!({ "jkt": gate.key.kid() })).sign(&gate.key).unwrap();
    let proof = ProofBuilder::new("GET", "https://invoices.demo.local/invoices/7", &bound);
    let proof = proof.claim("iat", json!(gate.now.as_secs())).sign(&gate.key).unwrap();
    let bound = format!("DPoP {bound}");
    c.bench_function("evaluate, warm, with a DPoP proof (ES256)", |b| {
        b.iter(|| {
            let request = Request {
                method: "GET",
                target: "/invoices/7?page=2",
                authorization: Field::Once(bound.as_bytes()),
                dpop: Field::Once(proof.as_bytes()),
                peer: Some(PEER),
                ..Request::default()
            };
            // Nothing is claimed here, so the one proof is as good as the first time.
            let evaluation = authz::evaluate(&gate.state.snapshot, black_box(&request), gate.now);
            assert!(matches!(evaluation.outcome, Outcome::MustClaim(_)));
        });
    });
    c.bench_function("bare ES256 check", |b| {
        let jws = warm.strip_prefix("Bearer ").unwrap();
        let (message, signature) = jws.rsplit_once('.').unwrap();
        let key = gate.key.verifier();
        b.iter(|| {
            let checked = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::ES256);
            assert!(matches!(checked, Ok(true)));
        });
    });
}

/// A `tools/call` of 4 KiB, as one long text and as many small members.
fn bodies(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::new(folder.path(), CONFIG);
    let warm = gate.bearer();
    let call = |arguments: serde_json::Value| {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {
                "name": "search_invoices", "arguments": arguments,
                "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" },
            },
        });
        body.to_string()
    };
    let least = call(json!({}));
    let missing = |body: &str| 4096_usize.saturating_sub(body.len());
    let text = call(json!({ "query": "x".repeat(missing(&least).saturating_sub(10)) }));
    let members: serde_json::Map<_, _> =
        (0..150).map(|at| (format!("member_{at:03}"), json!(format!("value {at}")))).collect();
    let members = call(json!(members));
    let bodies = [("of its least", &least), ("of 4 KiB, one text", &text), ("of 4 KiB, 150 members", &members)];
    for (name, body) in bodies {
        println!("{name}: {} bytes", body.len());
        c.bench_function(&format!("evaluate, warm, tools/call {name}"), |b| {
            b.iter(|| gate.call_tool(&warm, body.as_bytes()));
        });
    }
}

fn policies(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::new(folder.path(), &format!("{CONFIG}{POLICY}"));
    let warm = gate.bearer();
    c.bench_function("evaluate, warm, ten policies", |b| b.iter(|| gate.decide(&warm)));
}

criterion_group!(benches, tokens, bodies, policies);
criterion_main!(benches);
