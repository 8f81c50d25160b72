//! Fields that are written hashed, or not at all.
//!
//! They hold what tells of a person, or a caller's own words. Whatever a record is made of goes through
//! here: the record, the metadata for Envoy's log and all that is made from either.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

use super::clean::clean;
use super::record::hex;
use crate::authz::{Operation, Protocol};

/// What a hash begins with.
const HASH: &str = "hmac:";
/// What goes before a plain value that would read as a hash, or as such a plain value.
const PLAIN: &str = "plain:";

/// RFC 2104 section 3: a key shorter than the hash "would decrease the security strength".
const MIN_KEY: usize = 32;
/// RFC 2104 section 5: at least half of the hash is to be kept.
const KEPT: usize = 16;

/// A field of the record that may be hashed or dropped, at the top and in `claimed`.
///
/// Not among them: what was decided, by what and when (a record that lacks it is none), and which agents
/// acted (a record that does not say it answers no question).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Redactable {
    Subject,
    ClientId,
    Jti,
    RequestId,
    Operation,
    OperationName,
    Tenant,
    Path,
    Peer,
    Acr,
    // A number: only to be dropped.
    AuthTime,
}

/// What becomes of a field; of two that say the same, the latter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    #[default]
    Plain,
    Hashed,
    Dropped,
}

/// What becomes of each field. By default all are plain.
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    fates: [Fate; Redactable::ALL.len()],
    key: Option<HashKey>,
}

/// Hashes what a record must not say: HMAC-SHA256 under a secret, since the bare hash of a name or an
/// address is undone by trying all of them.
#[derive(Clone, Debug)]
pub struct HashKey(hmac::Key);

/// The key would be weaker than its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected at least {MIN_KEY} bytes")]
pub struct ShortKey;

impl Redactable {
    pub const ALL: [Self; 11] = [
        Self::Subject,
        Self::ClientId,
        Self::Jti,
        Self::RequestId,
        Self::Operation,
        Self::OperationName,
        Self::Tenant,
        Self::Path,
        Self::Peer,
        Self::Acr,
        Self::AuthTime,
    ];

    /// Its name in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::ClientId => "client_id",
            Self::Jti => "jti",
            Self::RequestId => "request_id",
            Self::Operation => "operation",
            Self::OperationName => "operation_name",
            Self::Tenant => "tenant",
            Self::Path => "path",
            Self::Peer => "peer",
            Self::Acr => "acr",
            Self::AuthTime => "auth_time",
        }
    }
}

impl Redaction {
    /// Hashes `hashed` under `key`, and drops `dropped`. What is to be hashed and has no key is dropped.
    #[must_use]
    pub fn new(hashed: &[Redactable], dropped: &[Redactable], key: Option<HashKey>) -> Self {
        let mut redaction = Self { key, ..Self::default() };
        for (fields, fate) in [(hashed, Fate::Hashed), (dropped, Fate::Dropped)] {
            for field in fields {
                if let Some(known) = redaction.fates.get_mut(*field as usize) {
                    *known = fate;
                }
            }
        }
        redaction
    }

    /// What is written of `field` where it holds `value`: the value made safe to print, its hash, or nothing.
    #[must_use]
    pub fn text<'a>(&self, field: Redactable, value: &'a str) -> Option<Cow<'a, str>> {
        self.as_is_fit(self.fate(field), value)
    }

    /// What is written of what `operation` asks for. That of gRPC is its path, and is hidden where that is.
    pub(crate) fn operation(&self, operation: &Operation) -> Option<Cow<'static, str>> {
        let path = if operation.protocol == Protocol::Grpc { self.fate(Redactable::Path) } else { Fate::Plain };
        let method = operation.shown_method()?;
        let text = self.as_is_fit(self.fate(Redactable::Operation).max(path), &method);
        text.map(|text| Cow::Owned(text.into_owned()))
    }

    /// What is written of the name in `operation`.
    pub(crate) fn operation_name(&self, operation: &Operation) -> Option<Cow<'static, str>> {
        let name = operation.shown_name()?;
        self.text(Redactable::OperationName, &name).map(|text| Cow::Owned(text.into_owned()))
    }

    /// `value`, which is no text, unless `field` is dropped.
    pub(crate) fn number(&self, field: Redactable, value: i64) -> Option<i64> {
        (self.fate(field) == Fate::Plain).then_some(value)
    }

    fn as_is_fit<'a>(&self, fate: Fate, value: &'a str) -> Option<Cow<'a, str>> {
        match (fate, &self.key) {
            (Fate::Plain, _) => Some(plain(value)),
            (Fate::Hashed, Some(key)) => Some(Cow::Owned(key.hash(value))),
            (Fate::Hashed, None) | (Fate::Dropped, _) => None,
        }
    }

    fn fate(&self, field: Redactable) -> Fate {
        self.fates.get(field as usize).copied().unwrap_or(Fate::Dropped)
    }
}

impl HashKey {
    /// # Errors
    /// `secret` is too short.
    pub fn new(secret: &[u8]) -> Result<Self, ShortKey> {
        if secret.len() < MIN_KEY { Err(ShortKey) } else { Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret))) }
    }

    /// What a record says in place of `value`: `hmac:` and 32 hex digits.
    #[must_use]
    pub fn hash(&self, value: &str) -> String {
        let tag = hmac::sign(&self.0, value.as_bytes());
        format!("{HASH}{}", hex(tag.as_ref().get(..KEPT).unwrap_or_default()))
    }
}

/// `value` made safe to print, and unlike any hash: a token may say of itself what it likes.
fn plain(value: &str) -> Cow<'_, str> {
    unlike_a_hash(clean(value))
}

/// `value`, which is safe to print, marked where it would read as a hash.
pub(crate) fn unlike_a_hash(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.starts_with(HASH) || value.starts_with(PLAIN) {
        return Cow::Owned(clean(&format!("{PLAIN}{value}")).into_owned());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Redactable = Redactable::Subject;

    #[test]
    fn every_field_is_at_the_place_of_its_number() {
        for (at, field) in Redactable::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, at, "{}", field.name());
        }
    }

    #[test]
    fn a_hash_is_the_first_half_of_the_hmac_of_the_value_as_it_is() {
        // printf %s alice | openssl dgst -sha256 -mac HMAC -macopt key:0123456789abcdef0123456789abcdef
        let key = HashKey::new(b"0123456789abcdef0123456789abcdef").expect("a key");
        assert_eq!(key.hash("alice"), "hmac:433deb45467e4e53dbaba594c88bc3a2");
        assert_eq!(HashKey::new(&[7; 31]).expect_err("too short"), ShortKey);
    }

    #[test]
    fn no_plain_value_reads_as_a_hash_and_no_two_read_alike() {
        let none = Redaction::default();
        let written = |value: &'static str| none.text(SUBJECT, value).expect("kept").into_owned();
        for (value, expected) in [
            ("alice", "alice"),
            ("hmac:00", "plain:hmac:00"),
            ("plain:hmac:00", "plain:plain:hmac:00"),
            ("plain:", "plain:plain:"),
            ("a hmac:00", "a hmac:00"),
        ] {
            assert_eq!(written(value), expected);
        }
    }

    #[test]
    fn what_grpc_asks_for_is_hidden_where_its_path_is() {
        let asked = |protocol| Operation { protocol, method: "a.B/C".into(), ..Operation::default() };
        let (grpc, mcp) = (asked(Protocol::Grpc), asked(Protocol::Mcp));
        let key = || HashKey::new(&[7; 32]).ok();
        let hash = key().map(|key| key.hash("a.B/C"));
        let dropped = Redaction::new(&[Redactable::Operation], &[Redactable::Path], key());
        assert_eq!((dropped.operation(&grpc), dropped.operation(&mcp).as_deref()), (None, hash.as_deref()));
        let hashed = Redaction::new(&[Redactable::Path], &[], key());
        assert_eq!(hashed.operation(&grpc).as_deref(), hash.as_deref());
        assert_eq!(hashed.operation(&mcp).as_deref(), Some("a.B/C"));
    }

    #[test]
    fn what_is_to_be_hashed_and_has_no_key_is_dropped() {
        assert_eq!(Redaction::new(&[SUBJECT], &[], None).text(SUBJECT, "alice"), None);
    }
}
