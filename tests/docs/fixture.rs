//! One issuer, one service, one call.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use hopgate::audit::{self, Decided, Facts, Feed, Receipt, Record, TraceContext, Writing};
use hopgate::authz::{self, Evaluation, Field, Request, UnixTime, VerifiedTokens};
use hopgate::config;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::State;
use jsonwebtoken::Algorithm;
use serde_json::Value;

const CONFIG: &str = "
listen: 127.0.0.1:9191
issuers: [{ issuer: 'http://127.0.0.1:9000', jwks: { file: keys.json } }]
agents: [{ id: planner, scopes: ['a:read'] }, { id: researcher, scopes: ['a:read'] }]
services:
  - name: a
    audience: https://a.example
    routes: [{ name: get, match: { method: GET, path: / }, scopes: ['a:read'] }]
";
const PEER: &str = "spiffe://demo.local/ns/agents/sa/researcher";

pub(crate) struct Fixture {
    pub(crate) key: SigningKey,
    pub(crate) state: State,
}

impl Fixture {
    /// With `extra` at the end of the configuration.
    pub(crate) fn new(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        fs::write(folder.path().join("keys.json"), key.jwks().to_string()).unwrap();
        let settings = config::load_text(&format!("{CONFIG}{extra}"), folder.path()).unwrap();
        let state = State::first(&settings, Arc::new(VerifiedTokens::with_capacity(1))).unwrap();
        Self { key, state }
    }

    /// A token that is allowed, with every claim that a record shows.
    pub(crate) fn token() -> TokenBuilder {
        TokenBuilder::new("http://127.0.0.1:9000", "alice", "https://a.example")
            .scope("a:read")
            .actors(["researcher", "planner"])
            .claim("acr", "urn:example:mfa".into())
            .claim("auth_time", 1_700_000_000.into())
    }

    /// What is decided on `GET /` with `token`.
    pub(crate) fn ask(&self, token: &str) -> Evaluation {
        let credential = format!("Bearer {token}");
        let request = Request {
            method: "GET",
            target: "/?q=secret",
            authorization: Field::Once(credential.as_bytes()),
            peer: Some(PEER),
            ..Request::default()
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        authz::evaluate(&self.state.snapshot, &request, UnixTime::from_secs(now.try_into().unwrap()))
    }

    /// The record of `evaluation` as `serve` writes it, every field that can hold something holding something.
    pub(crate) fn record(&self, evaluation: &Evaluation) -> Value {
        let record = Record::new(&Facts {
            time: SystemTime::now(),
            decision_id: "01900000-0000-7000-8000-000000000000",
            trace: TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            request_id: Some("c0ffee"),
            method: "GET",
            path: "/",
            grpc: false,
            peer: Some(PEER),
            snapshot: &self.state.snapshot,
            redaction: &self.state.redaction,
            findings: &evaluation.findings,
            trail: &evaluation.trail,
            decided: Decided::of(&evaluation.outcome),
            duration: Duration::from_micros(42),
        });
        serde_json::from_slice(&written(record.to_line().unwrap()).1).unwrap()
    }
}

/// The receipt of `line`, and the line with what the writer adds.
pub(crate) fn written(line: Vec<u8>) -> (Receipt, Vec<u8>) {
    let sink = Sink::default();
    let (log, thread) =
        audit::start(sink.clone(), Writing { capacity: 1, feed: Feed::new(0), state: None, checkpoints: None })
            .unwrap();
    let receipt = log.accept(line, false).unwrap();
    drop(log);
    thread.join().unwrap().unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    (receipt, bytes)
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
