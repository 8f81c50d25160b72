//! The `replay` section as an operator writes it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::span::Span;

/// Where single-use tokens are remembered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Replay {
    pub store: ReplayStore,
    /// Most tokens remembered at once by `memory`; further ones are refused until some expire.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub capacity: u32,
    /// Whether tokens issued before the store began to remember open single-use routes. They may
    /// have been used before a restart.
    pub accept_tokens_issued_before_start: bool,
    /// The server, where the store is `redis`.
    pub redis: Option<Redis>,
}

/// A Redis or Valkey server, shared by all replicas.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `rediss://host:6379/0`, `redis://` on loopback, or `unix:///path`. Without credentials.
    pub url: String,
    /// File with the user's name, relative to the configuration file; read at each connect.
    #[serde(default)]
    pub username_file: Option<String>,
    /// File with the password; read at each connect.
    #[serde(default)]
    pub password_file: Option<String>,
    /// PEM file of the certificate authorities to trust for it, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Longest time for one claim; below `limits.deadline`.
    #[serde(default = "default_redis_timeout")]
    pub timeout: Span,
    /// What its keys begin with. Replicas that share claims have the same.
    #[serde(default = "default_key_prefix")]
    #[schemars(length(min = 1))]
    pub key_prefix: String,
    /// Allow plain `redis` beyond loopback. Whoever is on the way can then forge answers.
    #[serde(default)]
    pub insecure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReplayStore {
    Memory,
    Redis,
}

fn default_redis_timeout() -> Span {
    Span(Duration::from_millis(20))
}

fn default_key_prefix() -> String {
    "hopgate:".to_owned()
}
