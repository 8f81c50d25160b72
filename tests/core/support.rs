//! One key, one issuer, one service, and a short way to ask.

use std::sync::{Arc, LazyLock};

use hopgate::authz::{
    self, Body, Evaluation, Field, Outcome, ProtocolHeaders, Reason, Request, UnixTime, VerifiedTokens,
};
use hopgate::config::{self, Fault, Settings};
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
    state_of(&CONFIG.replace("$delegation", delegation).replace("$extra", extra), &[])
}

/// The state of a configuration whose one issuer has [`KEY`] in `jwks.json`, with `files` beside it.
pub(crate) fn state_of(config: &str, files: &[(&str, &str)]) -> State {
    let settings = load(config, files).unwrap_or_else(|faults| panic!("{faults:#?}"));
    State::first(&settings, Arc::new(VerifiedTokens::with_capacity(100))).expect("randomness")
}

pub(crate) fn load(config: &str, files: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwks.json"), KEY.jwks().to_string()).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    config::load_text(config, folder.path())
}

/// One call with a body, as an edge would describe it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), ..Self::default() }
    }

    pub(crate) fn json(path: &str, body: impl AsRef<[u8]>) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method: "POST", path: path.to_owned(), headers, body: Some(body.as_ref().to_vec()), ..Self::default() }
    }

    /// Sets a header, in place of one that is there.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }

    pub(crate) fn token(mut self, token: &TokenBuilder) -> Self {
        self.token = Some(token.sign(&KEY).unwrap());
        self
    }

    pub(crate) fn of(&self, state: &State) -> Evaluation {
        let field = |name: &str| {
            let mut lines = self.headers.iter().filter(|(known, _)| *known == name);
            lines.try_fold(Field::Absent, |field, (_, value)| Some(field.and(value.as_bytes()))).unwrap_or_default()
        };
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let request = Request {
            method: self.method,
            target: &self.path,
            authorization: authorization.as_ref().map_or(Field::Absent, |value| Field::Once(value.as_bytes())),
            body: self.body.as_deref().map_or(Body::NotAttached, Body::Whole),
            headers: ProtocolHeaders {
                content_type: field("content-type"),
                content_encoding: field("content-encoding"),
                content_length: field("content-length"),
                mcp_revision: field("mcp-protocol-version"),
                mcp_method: field("mcp-method"),
                mcp_name: field("mcp-name"),
                a2a_version: field("a2a-version"),
            },
            ..Request::default()
        };
        authz::evaluate(&state.snapshot, &request, UnixTime::from_secs(NOW))
    }

    /// As [`Ask::refused`], by somebody who may do everything, unless it has a token.
    pub(crate) fn tried(&self, state: &State) -> Option<Reason> {
        let scopes = "docs:use docs:read docs:secrets docs:delete docs:admin invoices:refund";
        let token = self.token.clone().unwrap_or_else(|| token().scope(scopes).sign(&KEY).unwrap());
        Self { token: Some(token), ..self.clone() }.refused(state)
    }

    /// Why it is refused; one that only waits for a claim is not.
    pub(crate) fn refused(&self, state: &State) -> Option<Reason> {
        refused(self.of(state).outcome)
    }
}

fn refused(outcome: Outcome) -> Option<Reason> {
    match outcome {
        Outcome::Refused(reason) => Some(reason),
        Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
    }
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
    refused(ask(state, "GET", "/invoices", &token.sign(&KEY).unwrap(), None).outcome)
}
