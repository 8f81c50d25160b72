//! A table as it is written. Its field names are API, as those of the configuration are.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A table of calls and what is to be decided on each, for `hopgate test`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The time at which every case is decided (RFC 3339, such as `2026-11-24T12:00:00Z`). Left out: now.
    #[serde(default)]
    pub at: Option<String>,
    /// What every case has, unless it says otherwise.
    #[serde(default)]
    pub defaults: Defaults,
    #[schemars(length(min = 1))]
    pub cases: Vec<Case>,
}

/// Parts of a case. What a case says is laid over them, field by field; a list takes the place of a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    pub request: Request,
    pub token: Token,
    pub proof: Proof,
}

/// One call, and what is to be decided on it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The time at which it is decided; left out: the table's.
    #[serde(default)]
    pub at: Option<String>,
    #[serde(default)]
    pub request: Request,
    /// Left out here and in `defaults`: the call has no token.
    #[serde(default)]
    pub token: Option<Token>,
    /// The DPoP proof; there is one where the token is bound to a key, or where this says anything.
    #[serde(default)]
    pub proof: Option<Proof>,
    /// `allow`, `answer`, a reason code, or fields with their values.
    pub expect: Expectation,
    /// The same call once more, byte for byte: what is then to be decided.
    #[serde(default)]
    pub then: Option<Expectation>,
    /// How often `then` is to be seen, 1 if left out.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub times: Option<u32>,
}

/// What is to be decided: read apart, so that each fault in it has its own words.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct Expectation(pub Value);

impl JsonSchema for Expectation {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expectation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "description": "`allow`, `answer`, a reason code, or fields of the decision record, `status`, `headers`, \
                            `challenge`, `body`, `upstream` and `removed` with their values.",
        })
    }
}

/// What Envoy would send.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// The service that Envoy's route names; needed where the configuration has several.
    pub service: Option<String>,
    /// Left out: `POST` with a body, else `GET`.
    pub method: Option<String>,
    /// The request target, with its query. `<token>` in it is the token.
    pub path: Option<String>,
    /// Each with a value or a list of them. `<token>` and `<proof>` in a value are those. `authorization` and `dpop`
    /// take the place of what would be there without them.
    pub headers: BTreeMap<String, OneOrMany>,
    /// The body, as text.
    pub body: Option<String>,
    /// The body, as YAML, sent as JSON.
    pub json: Option<Value>,
    /// A call to an MCP server.
    pub mcp: Option<Mcp>,
    /// A call to an A2A agent, by JSON-RPC.
    pub a2a: Option<A2a>,
    /// The mTLS peer: the `id` of an agent of the configuration, or a SPIFFE id.
    pub peer: Option<String>,
    /// Its certificate: a name, by which the same throw-away one is made again in the whole run; `@FILE`, relative to
    /// the table; or PEM.
    pub certificate: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// A request of MCP: its body, and the headers that repeat parts of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mcp {
    /// Left out: `2026-07-28`.
    pub revision: Option<String>,
    /// The tool of a `tools/call`.
    pub tool: Option<String>,
    /// Its arguments.
    pub arguments: Option<Map<String, Value>>,
    /// Another method.
    pub method: Option<String>,
    /// Its parameters.
    pub params: Map<String, Value>,
}

/// A request of A2A.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct A2a {
    /// Left out: `1.0`.
    pub version: Option<String>,
    pub method: String,
    pub params: Map<String, Value>,
}

/// An access token, signed when the case runs with a throw-away key that stands for one of its issuer's.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// Who issues it; left out: the first of `issuers`.
    pub issuer: Option<String>,
    /// Its claims. `iss`, `aud` (the service), `client_id` (as `sub`), `jti`, `iat` (now) and `exp` (in 5m) are there
    /// without being written. `exp`, `nbf`, `iat` and `auth_time` take `now`, `in 5m` and `5m ago`.
    pub claims: Map<String, Value>,
    /// Claims that it does not have.
    pub without: Vec<String>,
    /// Header parameters, beside or in place of `typ` (`at+jwt`), `alg` and `kid`.
    pub header: Map<String, Value>,
    /// Header parameters that it does not have.
    pub without_header: Vec<String>,
    /// Claims that are written a second time, behind all others.
    pub repeat: Map<String, Value>,
    /// What signs it; left out: the first of the issuer's `algorithms`.
    pub algorithm: Option<String>,
    /// Whose key signs it: `issuer`, `stranger` (nobody knows the key, and it says it is the issuer's), or another
    /// issuer by its name.
    pub key: Option<String>,
    /// `good`; `broken`, one bit of it being another; `empty`; `hmac`, with the issuer's public key as the secret.
    pub signature: Signature,
    /// Whom it is bound to (`cnf`): the key of the proof, the certificate of the request.
    pub bound: Vec<Bound>,
    /// Where it is sent: `header`, or `none`.
    pub sent: Carried,
    /// Sent in its place; `<token>` in it is the token.
    pub raw: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    #[default]
    Good,
    Broken,
    Empty,
    Hmac,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    Dpop,
    Certificate,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Carried {
    #[default]
    Header,
    None,
}

/// A DPoP proof, signed when the case runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Proof {
    /// Its claims. `htm`, `htu`, `ath`, `jti`, `iat` (now) and, where the configuration asks for one, `nonce` are there
    /// without being written. `iat` takes `now`, `in 5m` and `5m ago`.
    pub claims: Map<String, Value>,
    /// Claims that it does not have.
    pub without: Vec<String>,
    /// Header parameters, beside or in place of `typ` (`dpop+jwt`), `alg` and `jwk`.
    pub header: Map<String, Value>,
    /// Header parameters that it does not have.
    pub without_header: Vec<String>,
    /// Which key signs it: `bound`, the one that the token may be bound to, or `stranger`.
    pub key: ProofKey,
    /// Where it is sent: `header`, or `none`.
    pub sent: Carried,
    /// Sent in its place; `<proof>` in it is the proof.
    pub raw: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProofKey {
    #[default]
    Bound,
    Stranger,
}
