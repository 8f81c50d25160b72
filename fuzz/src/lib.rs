//! What the fuzz targets share: one configuration, one issuer whose key nobody else has, one moment.
//!
//! The key is made anew by every process. No input holds a signature that counts, so an input that crashed crashes again.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use hopgate::authz::{Field, Request, UnixTime, VerifiedTokens};
use hopgate::config::{self, Settings};
use hopgate::dev::keys::SigningKey;
use hopgate::live::State;
use jsonwebtoken::Algorithm;
use tempfile::TempDir;

pub const ISSUER: &str = "http://127.0.0.1:9000";
pub const AUDIENCE: &str = "https://invoices.demo.local";
pub const PEER: &str = "spiffe://demo.local/ns/agents/sa/researcher";
/// Deepest chain that [`CONFIG`] allows.
pub const MAX_DEPTH: usize = 2;
/// When every decision is made, unix seconds.
pub const NOW: i64 = 1_800_000_000;
/// How far the issuer's clock may be off, seconds.
pub const SKEW: i64 = 30;

/// Every check is asked for on one of its routes.
pub const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers:
  - issuer: http://127.0.0.1:9000
    jwks: { file: keys.json }
    algorithms: [EdDSA, ES256, RS256, PS256]
    max_lifetime: 15m
    clock_skew: 30s
agents:
  - { id: planner, spiffe: "spiffe://demo.local/ns/agents/sa/planner", scopes: [invoices:read, invoices:refund] }
  - { id: researcher, spiffe: "spiffe://demo.local/ns/agents/sa/researcher", scopes: [invoices:read] }
  - { id: invoices, scopes: ["*"] }
policy: { files: [all.cedar] }
services:
  - name: invoices
    audience: https://invoices.demo.local
    agent: invoices
    delegation: { max_depth: 2, require_actor: true, bind_caller: spiffe, actors: [researcher, planner] }
    routes:
      - { name: list, match: { method: GET, path: /invoices }, scopes: [invoices:read] }
      - { name: one, match: { method: GET, path: "/invoices/{id}" }, scopes: [invoices:read], single_use: true }
      - { name: rest, match: { methods: [POST, PUT], path: "/files/{*rest}" }, delegation: { bind_caller: none } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        methods: { tools/list: {} }
        tools: { "search_*": {}, delete_document: { arguments: { id: string } } }
        resources: { "file:///docs/*": {} }
      - name: agent
        match: { a2a: { json_rpc: /a2a, rest: /a2a/rest, tenants: [acme] } }
        methods: { SendMessage: {}, CancelTask: {} }
      - name: put
        match: { method: POST, path: /put }
        body: json
        arguments: { amount: decimal, note: "string?" }
"#;

/// Policies do not refuse here; that they are asked is enough.
const POLICIES: &str = "permit(principal, action, resource);";

/// The issuer's key.
pub static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::EdDSA).expect("a key can be made").with_kid("k1"));

/// A folder with the key set that [`CONFIG`] names.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("keys.json"), KEY.jwks().to_string()).expect("a file can be written");
    std::fs::write(folder.path().join("all.cedar"), POLICIES).expect("a file can be written");
    folder
});

#[must_use]
pub fn folder() -> &'static Path {
    FOLDER.path()
}

#[must_use]
pub fn settings() -> Settings {
    config::load_text(CONFIG, folder()).expect("the configuration is good")
}

/// What is in force, with no room worth mentioning for verified tokens: every input is verified.
pub static STATE: LazyLock<State> =
    LazyLock::new(|| State::first(&settings(), Arc::new(VerifiedTokens::with_capacity(1))).expect("randomness"));

#[must_use]
pub fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

/// The call that a good token opens.
#[must_use]
pub fn request(authorization: &[u8]) -> Request<'_> {
    Request {
        method: "GET",
        target: "/invoices",
        authorization: Field::Once(authorization),
        peer: Some(PEER),
        ..Request::default()
    }
}
