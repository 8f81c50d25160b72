//! Where decision records go, and what holds their chain.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::audit::Redactable;
use crate::config::span::Span;

/// Where decision records go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    pub destination: AuditDestination,
    /// What happens to a call whose record finds no room.
    pub on_overflow: OnOverflow,
    /// Records waiting to be written.
    #[schemars(range(min = 64, max = 1_000_000))]
    pub queue: u32,
    /// Fields of which the record, and all that is made from it, has a hash only.
    pub hash: Vec<Redactable>,
    /// Fields that are not written: null instead.
    pub drop: Vec<Redactable>,
    /// File of at least 32 secret bytes that hashes are made with. Needed with `hash`.
    pub hash_key_file: Option<String>,
    /// Remembers how the chain of records ended, so that it goes on after a restart. One process at a time has it.
    pub state_file: Option<String>,
    /// Signs how far the chain has come, as lines among the records.
    pub checkpoint: Option<Checkpoint>,
}

/// Signed checkpoints of the chain of records.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// A private P-256 key, PKCS#8 in PEM.
    pub key_file: String,
    /// Longest time for which a record is not signed.
    #[serde(default = "default_checkpoint_every")]
    pub every: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditDestination {
    Stdout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnOverflow {
    Deny,
}

fn default_checkpoint_every() -> Span {
    Span(Duration::from_secs(60))
}
