//! One key, one issuer, one service, and a short way to ask.

use std::sync::{Arc, LazyLock};

use hopgate::authz::{self, Evaluation, Field, Outcome, Reason, Request, UnixTime, VerifiedTokens};
use hopgate::config;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::State;
use jsonwebtoken::Algorithm;

pub(crate) const ISSUER: &str = "http://127.0.0.1:9000";
pub(crate) const AUDIENCE: &str = "https://invoices.demo.local";
/// Every test decides at this instant, 2026-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_767_225_600;

pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());

/// The configuration every test starts from; `$delegation` and `$extra` are filled in.
const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers:
  - { issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }
agents:
  - { id: planner, spiffe: "spiffe://td/planner", scopes: ["invoices:read", "invoices:write"] }
  - { id: researcher, spiffe: "spiffe://td/researcher", scopes: ["invoices:read"] }
  - { id: writer, spiffe: "spiffe://td/writer", scopes: ["*"] }
  - { id: invoices, scopes: ["*"] }
services:
  - name: invoices
    audience: https://invoices.demo.local
    agent: invoices
    delegation: $delegation
    routes:
      - { name: list, match: { method: GET, path: /invoices }, scopes: ["invoices:read"] }
      - { name: create, match: { method: POST, path: /invoices }, scopes: ["invoices:read", "invoices:write"] }
      - { name: pay, match: { method: POST, path: "/invoices/{id}/pay" }, scopes: ["invoices:read"], single_use: true }
      - { name: thing, match: { method: GET, path: "/things/{id}" }, scopes: ["invoices:read"] }
      - { name: cancel, match: { method: GET, path: "/things/{id}:cancel" }, scopes: ["things:cancel"] }
$extra
"#;

pub(crate) fn state(delegation: &str, extra: &str) -> State {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), KEY.jwks().to_string()).unwrap();
    let text = CONFIG.replace("$delegation", delegation).replace("$extra", extra);
    let settings = config::load_text(&text, folder.path()).unwrap_or_else(|faults| panic!("{faults:?}"));
    State::first(&settings, Arc::new(VerifiedTokens::with_capacity(100))).expect("randomness")
}

/// A token that the default rules let pass, but for its chain.
pub(crate) fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .client_id("app")
        .scope("invoices:read invoices:write")
        .issued_at(u64::try_from(NOW).unwrap())
}

pub(crate) fn ask(state: &State, method: &str, path: &str, token: &str, peer: Option<&str>) -> Evaluation {
    let authorization = format!("Bearer {token}");
    let request = Request {
        method,
        target: path,
        authorization: Field::Once(authorization.as_bytes()),
        peer,
        ..Request::default()
    };
    authz::evaluate(&state.snapshot, &request, UnixTime::from_secs(NOW))
}

/// Why `GET /invoices` with `token` is refused, if it is.
pub(crate) fn refusal(state: &State, token: &TokenBuilder) -> Option<Reason> {
    let evaluation = ask(state, "GET", "/invoices", &token.sign(&KEY).unwrap(), None);
    match evaluation.outcome {
        Outcome::Refused(reason) => Some(reason),
        Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
    }
}
