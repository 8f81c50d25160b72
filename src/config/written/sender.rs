//! What a token must prove, as written: `risk`, `dpop`, `forwarded_client_cert`, `revocations`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::AlgorithmName;
use crate::config::span::Span;

/// What a class of action, or one route, asks of a token beyond its scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Demands {
    /// `required`: refuse tokens that are bound neither to a DPoP key nor to a client certificate.
    /// A binding that is there is always checked. Default `optional`.
    #[serde(default)]
    pub sender_constrained: Option<SenderConstrained>,
    /// Each token opens a route once. Default false.
    #[serde(default)]
    pub single_use: Option<bool>,
    /// Longest time since `iat`. Default: as long as the token lives.
    #[serde(default)]
    pub max_token_age: Option<Span>,
    /// How the person must have been authenticated (RFC 9470).
    #[serde(default)]
    pub step_up: Option<StepUp>,
}

/// At least one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepUp {
    /// Values of `acr`, the preferred first; the token must have one of them.
    #[serde(default)]
    pub acr_values: Option<Vec<String>>,
    /// Longest time since `auth_time`, whole seconds.
    #[serde(default)]
    pub max_age: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SenderConstrained {
    Optional,
    Required,
}

/// DPoP proofs (RFC 9449).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dpop {
    /// Signature algorithms accepted.
    #[schemars(length(min = 1))]
    pub algorithms: Vec<AlgorithmName>,
    /// Longest time from a proof's `iat` to its use, at most 5m.
    pub max_age: Span,
    /// How far a client's clock may be from ours, at most 5m.
    pub clock_skew: Span,
    /// Ask for a nonce of ours in every proof, so that none can be made ahead of time.
    pub require_nonce: bool,
    /// How long a nonce may be used, at most 1h.
    pub nonce_lifetime: Span,
    /// File of at least 32 secret bytes that nonces are made with, the same for all replicas.
    /// Without it each process makes its own, and knows only its own nonces.
    pub nonce_key_file: Option<String>,
}

/// The `x-forwarded-client-cert` header, which anybody can send.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForwardedClientCert {
    /// Envoy writes it for every call (`forward_client_cert_details: SANITIZE_SET` or
    /// `APPEND_FORWARD`), where it does not report the certificate itself (Istio).
    pub set_by_envoy: bool,
    /// SPIFFE ids of peers, such as a gateway, that end their clients' TLS and say who they were.
    pub trusted_hops: Vec<String>,
}

/// The kill switch.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationsFile {
    /// Relative to the configuration file. Looked at four times a second.
    #[schemars(length(min = 1))]
    pub file: String,
}
