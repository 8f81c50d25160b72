//! The configuration as an operator writes it. Its field names are API: `hopgate schema` prints
//! them, a test freezes them.

mod audit;
mod delegation;
mod otlp;
mod policy;
mod replay;
mod route;
mod sender;
mod tls;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::audit::{Audit, AuditDestination, Checkpoint, OnOverflow};
pub use self::delegation::{BindCaller, Delegation, Pair};
pub use self::otlp::Otlp;
pub use self::policy::Policy;
pub use self::replay::{Redis, Replay, ReplayStore};
pub use self::route::{
    A2aMatch, A2aVersion, Approval, BodyKind, ClientType, Match, McpMatch, McpRevision, Route, Rule, ValueType,
};
pub use self::sender::{Demands, Dpop, ForwardedClientCert, RevocationsFile, SenderConstrained, StepUp};
pub use self::tls::Tls;
use super::span::Span;

/// hopgate's configuration file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where Envoy asks: `unix:/path/to.sock`, a loopback address such as `127.0.0.1:9191`, or, with
    /// `tls`, any address such as `0.0.0.0:9191`.
    pub listen: String,
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Permissions of the Unix socket, octal, as text.
    #[serde(default = "default_socket_mode")]
    #[schemars(regex(pattern = "^0?[0-7]{3}$"))]
    pub socket_mode: String,
    /// Address of `/livez`, `/readyz` and `/metrics`.
    #[serde(default = "default_admin")]
    pub admin: String,
    /// Where decisions are shown as they happen, to people (a page) and programs (gRPC): a loopback
    /// address such as `127.0.0.1:9903`, or `unix:/path/to.sock`. Without it, nowhere.
    #[serde(default)]
    pub watch: Option<String>,
    /// The authorization servers whose tokens are accepted.
    #[schemars(length(min = 1))]
    pub issuers: Vec<Issuer>,
    /// The agents that may act, and how far each may ever reach.
    #[serde(default)]
    pub agents: Vec<Agent>,
    /// What each class of action asks for, said once. Routes name their class in `risk`. The classes
    /// `read`, `write` and `destructive` are always there, and ask for nothing until written here.
    #[serde(default)]
    pub risk: BTreeMap<String, Demands>,
    /// The services protected by this hopgate, usually one.
    #[schemars(length(min = 1))]
    pub services: Vec<Service>,
    /// Request-level rules, in Cedar.
    #[serde(default)]
    pub policy: Option<Policy>,
    #[serde(default)]
    pub upstream: Upstream,
    #[serde(default)]
    pub replay: Replay,
    /// DPoP proofs (RFC 9449).
    #[serde(default)]
    pub dpop: Dpop,
    /// Whose word about a client's certificate is taken, beside what Envoy reports of its own TLS.
    #[serde(default)]
    pub forwarded_client_cert: ForwardedClientCert,
    /// What is stopped, whatever its token says.
    #[serde(default)]
    pub revocations: Option<RevocationsFile>,
    #[serde(default)]
    pub audit: Audit,
    #[serde(default)]
    pub otlp: Option<Otlp>,
    /// Checks that only record what they would refuse. `all` stands for each that may be observed and is not named.
    #[serde(default)]
    pub enforcement: BTreeMap<ObservableCheck, Mode>,
    #[serde(default)]
    pub limits: Limits,
}

/// An authorization server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// Where its keys are. Without it they are discovered (RFC 8414, then `OpenID` Connect).
    #[serde(default)]
    pub jwks: Option<Jwks>,
    /// Signature algorithms accepted.
    #[serde(default = "default_algorithms")]
    #[schemars(length(min = 1))]
    pub algorithms: Vec<AlgorithmName>,
    /// Longest `exp - iat` accepted.
    #[serde(default = "default_max_lifetime")]
    pub max_lifetime: Span,
    /// How far its clock may be from ours.
    #[serde(default = "default_clock_skew")]
    pub clock_skew: Span,
    /// Values of the header `typ` that mark an access token. RFC 9068 knows `at+jwt`.
    #[serde(default = "default_token_types")]
    #[schemars(length(min = 1))]
    pub token_types: Vec<String>,
    /// The claim that holds the scopes.
    #[serde(default)]
    pub scope_claim: ScopeClaim,
    /// Claims RFC 9068 requires and this issuer leaves out.
    #[serde(default)]
    pub optional_claims: Vec<OptionalClaim>,
    /// How often the keys are fetched anew.
    #[serde(default = "default_refresh")]
    pub refresh: Span,
    /// How long keys are used when they can't be fetched.
    #[serde(default = "default_max_stale")]
    pub max_stale: Span,
    /// Shortest time between two fetches for a `kid` that is not known.
    #[serde(default = "default_cooldown")]
    pub cooldown: Span,
    /// Allow plain `http` beyond loopback. Whoever is on the way can then replace the keys.
    #[serde(default)]
    pub insecure: bool,
    /// PEM file of the certificate authorities to trust for this issuer, beside the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// Exactly one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    #[serde(default)]
    pub uri: Option<String>,
    /// Relative to the configuration file.
    #[serde(default)]
    pub file: Option<String>,
}

/// An agent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its name in this file and in records.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Its `act.sub`, and its `client_id` where it calls for itself. Defaults to `id`.
    #[serde(default)]
    pub subject: Option<String>,
    /// The issuer that may name it; needed where there are several issuers.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The `act.iss` its issuer names it under, where that is not the issuer itself.
    #[serde(default)]
    pub act_issuer: Option<String>,
    /// Its workload identity in the mesh.
    #[serde(default)]
    pub spiffe: Option<String>,
    /// The scopes it may ever use (its ceiling); `["*"]` sets none.
    pub scopes: Vec<String>,
}

/// A protected service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    #[schemars(length(min = 1))]
    pub name: String,
    /// Its identifier in `aud`, compared exactly.
    #[schemars(length(min = 1))]
    pub audience: String,
    /// Other identifiers accepted in `aud`.
    #[serde(default)]
    pub audience_aliases: Vec<String>,
    /// Refuse tokens that are for other services too.
    #[serde(default)]
    pub single_audience: bool,
    /// The agent this service is itself: a chain that holds it has come full circle.
    #[serde(default)]
    pub agent: Option<String>,
    /// URL of its protected resource metadata (RFC 9728), which hopgate answers at that path.
    /// Derived from the audience where that is a URL.
    #[serde(default)]
    pub resource_metadata: Option<String>,
    /// The URLs under which callers reach it, up to the path that Envoy sees; a DPoP proof names
    /// one. Default: the audience where that is a URL.
    #[serde(default)]
    pub external_urls: Option<Vec<String>>,
    #[serde(default)]
    pub delegation: Delegation,
    /// What may be called. Anything else is refused.
    #[schemars(length(min = 1))]
    pub routes: Vec<Route>,
}

/// What the service behind Envoy gets to see.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// Pass the access token on. It was issued for this hop; a service that keeps it can replay it.
    pub forward_token: bool,
    /// Tell the service who called, in `x-hopgate-…` headers.
    pub identity_headers: bool,
}

/// Bounds of the process.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Checks in progress at once; further ones are answered 503.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: u32,
    /// Largest `CheckRequest`, bytes; larger ones are answered 503.
    #[schemars(range(min = 16_384, max = 67_108_864))]
    pub message_bytes: u32,
    /// Longest access token, bytes.
    #[schemars(range(min = 256, max = 65_536))]
    pub token_bytes: u32,
    /// Longest body, bytes, where a body decides. Envoy's `max_request_bytes` is another limit.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub body_bytes: u32,
    /// Verified tokens remembered (about 1 KiB each).
    #[schemars(range(min = 1, max = 10_000_000))]
    pub verified_tokens: u32,
    /// Longest time for one check. Keep it below Envoy's `timeout` (200ms where it says nothing):
    /// what Envoy gives up on is decided by its `failure_mode_allow`. A check that has waited for
    /// half of it is answered 503 without more work.
    pub deadline: Span,
    /// How long calls may finish after SIGTERM.
    pub drain: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AlgorithmName {
    ES256,
    ES384,
    EdDSA,
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScopeClaim {
    #[default]
    Scope,
    Scp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptionalClaim {
    ClientId,
    Jti,
    Iat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ObservableCheck {
    All,
    Audience,
    Delegation,
    Revocation,
    Caller,
    Sender,
    Scopes,
    #[serde(rename = "step_up")]
    StepUp,
    Approval,
    Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    Enforce,
    Observe,
}

fn default_socket_mode() -> String {
    "0660".to_owned()
}

fn default_admin() -> String {
    "127.0.0.1:9902".to_owned()
}

fn default_algorithms() -> Vec<AlgorithmName> {
    vec![AlgorithmName::ES256, AlgorithmName::EdDSA]
}

fn default_token_types() -> Vec<String> {
    vec!["at+jwt".to_owned()]
}

fn default_max_lifetime() -> Span {
    Span(Duration::from_secs(15 * 60))
}

fn default_clock_skew() -> Span {
    Span(Duration::from_secs(30))
}

fn default_refresh() -> Span {
    Span(Duration::from_secs(5 * 60))
}

fn default_max_stale() -> Span {
    Span(Duration::from_secs(24 * 60 * 60))
}

fn default_cooldown() -> Span {
    Span(Duration::from_secs(30))
}
