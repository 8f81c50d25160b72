//! The fields of a decision record that are shown, filtered by or counted. `audit::record` writes them.

use std::time::SystemTime;

use serde::{Deserialize, Deserializer};

/// Longest text before a record that is taken for a prefix, bytes.
const MAX_PREFIX: usize = 512;

/// As written. Fields that are not known here are let be: a newer hopgate may have more.
#[derive(Clone, Debug, Deserialize)]
pub struct Record {
    #[serde(deserialize_with = "time")]
    pub time: SystemTime,
    pub decision: Decision,
    pub reason: Option<String>,
    pub check: Option<String>,
    #[serde(default)]
    pub would_deny: Vec<String>,
    pub decision_id: String,
    pub service: Option<String>,
    pub route: Option<String>,
    pub operation: Option<String>,
    pub operation_name: Option<String>,
    #[serde(default)]
    pub method: String,
    pub path: Option<String>,
    pub peer: Option<String>,
    subject: Option<String>,
    client_id: Option<String>,
    actor: Option<String>,
    #[serde(default)]
    actor_chain: Vec<String>,
    claimed: Option<Identity>,
    #[serde(default)]
    pub duration_us: u64,
    /// Some only in what pretends to be a checkpoint as well.
    checkpoint: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    token_verified: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Allow,
    Deny,
    /// hopgate answered in the service's place.
    Answer,
}

#[derive(Clone, Debug, Deserialize)]
struct Identity {
    subject: Option<String>,
    client_id: Option<String>,
    actor: Option<String>,
    #[serde(default)]
    actor_chain: Vec<String>,
}

/// Who acts for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who<'a> {
    pub(super) subject: Option<&'a str>,
    client_id: Option<&'a str>,
    actor: Option<&'a str>,
    actors: &'a [String],
}

/// A record in a line.
#[derive(Debug)]
pub struct Found<'a> {
    pub record: Record,
    /// The record as it stands there.
    pub json: &'a [u8],
    /// Whether something stood before it.
    pub prefixed: bool,
}

impl<'a> Found<'a> {
    /// The record of `line`; a log collector may have put a prefix before it.
    #[must_use]
    pub fn of(line: &'a [u8]) -> Option<Self> {
        let json = body(line)?;
        let record: Record = serde_json::from_slice(json).ok().filter(|record: &Record| record.checkpoint.is_none())?;
        Some(Self { record, json, prefixed: json.len() < line.len() })
    }
}

/// A line of the chain that says how far it is signed, and nothing else: only the token is signed, so no other word may
/// hide beside it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoint {
    #[serde(rename = "checkpoint")]
    _token: String,
    #[serde(rename = "time")]
    _time: String,
    #[serde(rename = "seq")]
    _seq: u64,
    #[serde(rename = "prev")]
    _prev: String,
}

/// Whether `line` is a checkpoint, and no record.
#[must_use]
pub fn is_checkpoint(line: &[u8]) -> bool {
    body(line).is_some_and(|json| serde_json::from_slice::<Checkpoint>(json).is_ok())
}

/// Whether `json` says of itself that it is of hopgate, in whatever words: all that a view takes for a record does.
pub(super) fn claims_to_be_ours(json: &[u8]) -> bool {
    // Asked first: a record passes over fields it does not know, whatever they hold, and a value reads them all.
    if Found::of(json).is_some() || is_checkpoint(json) {
        return true;
    }
    let names = ["decision_id", "checkpoint"];
    match serde_json::from_slice::<serde_json::Value>(json) {
        Ok(serde_json::Value::Object(fields)) => names.iter().any(|name| fields.contains_key(*name)),
        Ok(_) | Err(_) => false,
    }
}

/// From the first brace of `line` on.
pub(super) fn body(line: &[u8]) -> Option<&[u8]> {
    let start = line.iter().take(MAX_PREFIX).position(|byte| *byte == b'{')?;
    line.get(start..)
}

impl Record {
    /// Whether it was verified who called, though the record does not say who: `audit.drop`.
    pub(super) fn is_hidden(&self) -> bool {
        self.token_verified && self.known().is_nobody()
    }

    /// What a verified token says.
    pub(super) fn known(&self) -> Who<'_> {
        if !self.token_verified {
            // hopgate writes none of them there then.
            return Who { subject: None, client_id: None, actor: None, actors: &[] };
        }
        let Self { subject, client_id, actor, actor_chain, .. } = self;
        Who {
            subject: subject.as_deref(),
            client_id: client_id.as_deref(),
            actor: actor.as_deref(),
            actors: actor_chain,
        }
    }

    /// What an unverified token says.
    pub(super) fn claimed(&self) -> Option<Who<'_>> {
        self.claimed.as_ref().map(|Identity { subject, client_id, actor, actor_chain }| Who {
            subject: subject.as_deref(),
            client_id: client_id.as_deref(),
            actor: actor.as_deref(),
            actors: actor_chain,
        })
    }
}

impl<'a> Who<'a> {
    pub(super) fn is_nobody(&self) -> bool {
        self.path().is_empty()
    }

    /// Who called: the current actor, or without one the client.
    pub(super) fn agent(&self) -> Option<&'a str> {
        self.actor.or(self.actors.first().map(String::as_str)).or(self.client_id)
    }

    /// From the subject to who called.
    pub(super) fn path(&self) -> Vec<&'a str> {
        let mut path: Vec<_> = self.subject.into_iter().collect();
        if self.actors.is_empty() {
            path.extend(self.agent().filter(|agent| Some(*agent) != self.subject));
        } else {
            path.extend(self.actors.iter().rev().map(String::as_str));
        }
        path
    }

    pub(super) fn has_agent(&self, name: &str) -> bool {
        self.actor == Some(name) || self.client_id == Some(name) || self.actors.iter().any(|actor| actor == name)
    }
}

impl Decision {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Answer => "answer",
        }
    }
}

fn time<'de, D: Deserializer<'de>>(text: D) -> Result<SystemTime, D::Error> {
    let text = String::deserialize(text)?;
    humantime::parse_rfc3339(&text).map_err(serde::de::Error::custom)
}
