//! The decision core alone: what `evaluate` costs, warm and cold, and what the bare signature check
//! in it costs.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up should stop")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hopgate::authz::{self, Field, Outcome, Request, UnixTime, VerifiedTokens};
use hopgate::config;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::dev::proof::ProofBuilder;
use hopgate::live::State;
use jsonwebtoken::Algorithm;

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
      - { name: list, match: { method: GET, path: "/invoices/{id}" }, scopes: ["invoices:read"] }
"#;

fn state(folder: &Path, key: &SigningKey, verified: VerifiedTokens) -> State {
    std::fs::write(folder.join("jwks.json"), key.jwks().to_string()).unwrap();
    let settings = config::load_text(CONFIG, folder).unwrap();
    State::first(&settings, Arc::new(verified)).unwrap()
}

fn evaluate(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let state = state(folder.path(), &key, VerifiedTokens::with_capacity(10_000));
    let mint = || {
        let builder = TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("researcher").scope("invoices:read");
        format!("Bearer {}", builder.actors(["researcher", "planner"]).sign(&key).unwrap())
    };
    let now = UnixTime::from_secs(
        i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap(),
    );
    let decide = |authorization: &str| {
        let request = Request {
            method: "GET",
            target: "/invoices/7?page=2",
            authorization: Field::Once(authorization.as_bytes()),
            peer: Some(PEER),
            ..Request::default()
        };
        let evaluation = authz::evaluate(&state.snapshot, black_box(&request), now);
        assert!(matches!(evaluation.outcome, Outcome::Permitted(_)));
        evaluation
    };
    let warm = mint();
    c.bench_function("evaluate, warm", |b| b.iter(|| decide(&warm)));
    c.bench_function("evaluate, cold (ES256)", |b| {
        b.iter_batched(&mint, |token| decide(&token), criterion::BatchSize::LargeInput);
    });
    let bound = TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("researcher").scope("invoices:read");
    let bound = bound.actors(["researcher", "planner"]).claim("cnf", serde_json::json!({ "jkt": key.kid() }));
    let bound = bound.sign(&key).unwrap();
    let proof = ProofBuilder::new("GET", "https://invoices.demo.local/invoices/7", &bound);
    let proof = proof.claim("iat", serde_json::json!(now.as_secs())).sign(&key).unwrap();
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
            let evaluation = authz::evaluate(&state.snapshot, black_box(&request), now);
            assert!(matches!(evaluation.outcome, Outcome::MustClaim(_)));
        });
    });
    c.bench_function("bare ES256 check", |b| {
        let jws = warm.strip_prefix("Bearer ").unwrap();
        let (message, signature) = jws.rsplit_once('.').unwrap();
        b.iter(|| {
            let checked = jsonwebtoken::crypto::verify(signature, message.as_bytes(), key.verifier(), Algorithm::ES256);
            assert!(matches!(checked, Ok(true)));
        });
    });
}

criterion_group!(benches, evaluate);
criterion_main!(benches);
