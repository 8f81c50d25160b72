//! The claims of an access token (RFC 9068 section 2.2), typed.
//!
//! A claim of the wrong type is a fault of the token, never an absent claim: `exp` as a string
//! was once read as "no expiry" by a well-known library.

use std::sync::Arc;

use serde_json::{Number, Value};

use super::confirmation::Confirmation;
use super::json::Object;
use super::reason::Reason;
use super::time::UnixTime;

/// Longest `jti` accepted, bytes.
const MAX_JTI: usize = 256;

/// What a token says. Only a [`super::verified::VerifiedToken`] says that its issuer said so.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    pub issuer: Box<str>,
    pub subject: Box<str>,
    pub audience: Vec<Box<str>>,
    pub client_id: Option<Box<str>>,
    pub token_id: Option<Box<str>>,
    pub expires_at: UnixTime,
    pub not_before: Option<UnixTime>,
    pub issued_at: Option<UnixTime>,
    /// RFC 6749 section 3.3 scope tokens, sorted, each once.
    pub scopes: Vec<Box<str>>,
    pub act: Act,
    pub confirmation: Confirmation,
    pub acr: Option<Box<str>>,
    pub auth_time: Option<UnixTime>,
    /// RFC 9396: entries that say their `type`. What can't be read as one approves nothing.
    pub authorization_details: Vec<Object>,
    /// The claims that policies look at, as far as the token has them.
    pub named: Object,
}

/// The `act` claim (RFC 8693 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// No `act` member at all: the subject's client calls without delegation.
    Absent,
    /// Current actor first, the least recent last; never empty.
    Chain(Vec<Actor>),
    /// There is an `act`, and it can't be read. Never the same as [`Act::Absent`].
    Malformed,
}

impl Act {
    /// The actors, current first; none where there is no readable chain.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        match self {
            Self::Chain(actors) => actors,
            Self::Absent | Self::Malformed => &[],
        }
    }
}

/// One acting party of a chain, as the issuer names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub subject: Box<str>,
    /// The namespace of `subject` where the token names one (`act.iss`).
    pub issuer: Option<Box<str>>,
}

/// What an issuer's tokens may differ in from RFC 9068, by the operator's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub scope_claim: ScopeClaim,
    pub client_id: Presence,
    pub token_id: Presence,
    pub issued_at: Presence,
    /// Further claims to keep, for policies.
    pub named: Arc<[Box<str>]>,
}

/// Where an issuer writes the scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeClaim {
    /// `scope`, a space-separated string (RFC 9068 section 2.2.3).
    Scope,
    /// `scp`, a space-separated string or an array of scope tokens.
    Scp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Required,
    Optional,
}

impl Claims {
    pub(super) fn read(payload: &Object, shape: &Shape) -> Result<Self, Reason> {
        let token_id = string(payload, "jti", shape.token_id)?;
        if token_id.as_ref().is_some_and(|id| id.len() > MAX_JTI) {
            return Err(Reason::ClaimMalformed);
        }
        Ok(Self {
            issuer: required(string(payload, "iss", Presence::Required)?)?,
            subject: required(string(payload, "sub", Presence::Required)?)?,
            audience: audience(payload)?,
            client_id: string(payload, "client_id", shape.client_id)?,
            token_id,
            expires_at: required(claim_date(payload, "exp", Presence::Required)?)?,
            not_before: claim_date(payload, "nbf", Presence::Optional)?,
            issued_at: claim_date(payload, "iat", shape.issued_at)?,
            scopes: scopes(payload, shape.scope_claim)?,
            act: payload.get("act").map_or(Act::Absent, read_act),
            confirmation: Confirmation::read(payload.get("cnf")),
            acr: string(payload, "acr", Presence::Optional)?,
            auth_time: claim_date(payload, "auth_time", Presence::Optional)?,
            authorization_details: authorization_details(payload),
            named: named(payload, &shape.named),
        })
    }
}

fn required<T>(claim: Option<T>) -> Result<T, Reason> {
    claim.ok_or(Reason::ClaimMissing)
}

fn string(payload: &Object, name: &str, presence: Presence) -> Result<Option<Box<str>>, Reason> {
    match (payload.get(name), presence) {
        (Some(Value::String(text)), _) if !text.is_empty() => Ok(Some(text.as_str().into())),
        (Some(_), _) => Err(Reason::ClaimMalformed),
        (None, Presence::Required) => Err(Reason::ClaimMissing),
        (None, Presence::Optional) => Ok(None),
    }
}

/// RFC 7519 section 2 `NumericDate`: a number of seconds, fractions allowed (dropped here).
fn claim_date(payload: &Object, name: &str, presence: Presence) -> Result<Option<UnixTime>, Reason> {
    match (payload.get(name), presence) {
        (Some(Value::Number(number)), _) => whole_seconds(number).map(Some).ok_or(Reason::ClaimMalformed),
        (Some(_), _) => Err(Reason::ClaimMalformed),
        (None, Presence::Required) => Err(Reason::ClaimMissing),
        (None, Presence::Optional) => Ok(None),
    }
}

/// The `NumericDate` under `name`, if there is one.
pub(super) fn date(payload: &Object, name: &str) -> Option<UnixTime> {
    payload.get(name).and_then(Value::as_number).and_then(whole_seconds)
}

fn whole_seconds(number: &Number) -> Option<UnixTime> {
    if let Some(secs) = number.as_i64() {
        return Some(UnixTime::from_secs(secs));
    }
    let secs = number.as_f64()?.floor();
    // 2^53: below it every whole second has its own double.
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 53 bits")]
    (secs.abs() <= 9_007_199_254_740_992.0).then(|| UnixTime::from_secs(secs as i64))
}

/// RFC 7519 section 4.1.3: an array of strings, or one string.
fn audience(payload: &Object) -> Result<Vec<Box<str>>, Reason> {
    match payload.get("aud") {
        None => Err(Reason::ClaimMissing),
        Some(Value::String(one)) if !one.is_empty() => Ok(vec![one.as_str().into()]),
        Some(Value::Array(items)) if !items.is_empty() => strings(items),
        Some(_) => Err(Reason::ClaimMalformed),
    }
}

fn strings(items: &[Value]) -> Result<Vec<Box<str>>, Reason> {
    items
        .iter()
        .map(|item| match item {
            Value::String(text) if !text.is_empty() => Ok(text.as_str().into()),
            _ => Err(Reason::ClaimMalformed),
        })
        .collect()
}

/// The scopes, from the claim the issuer is known to use. The other claim beside or instead of it
/// would be read by somebody else, so its presence is a fault and not an empty set.
fn scopes(payload: &Object, claim: ScopeClaim) -> Result<Vec<Box<str>>, Reason> {
    let (used, other) = match claim {
        ScopeClaim::Scope => ("scope", "scp"),
        ScopeClaim::Scp => ("scp", "scope"),
    };
    if payload.contains_key(other) {
        return Err(Reason::ClaimMalformed);
    }
    let mut scopes = match (payload.get(used), claim) {
        (None, _) => Vec::new(),
        (Some(Value::String(text)), _) => text.split(' ').filter(|s| !s.is_empty()).map(Into::into).collect(),
        (Some(Value::Array(items)), ScopeClaim::Scp) => strings(items)?,
        (Some(_), _) => return Err(Reason::ClaimMalformed),
    };
    if !scopes.iter().all(|scope| is_scope_token(scope)) {
        return Err(Reason::ClaimMalformed);
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// RFC 9396 section 2: an array of objects, each with a string `type`.
fn authorization_details(payload: &Object) -> Vec<Object> {
    let entries = payload.get("authorization_details").and_then(Value::as_array);
    let typed = |entry: &&Object| entry.get("type").is_some_and(Value::is_string);
    entries.into_iter().flatten().filter_map(Value::as_object).filter(typed).cloned().collect()
}

fn named(payload: &Object, names: &[Box<str>]) -> Object {
    let present = |name: &str| Some((name.to_owned(), payload.get(name)?.clone()));
    names.iter().filter_map(|name| present(name)).collect()
}

/// RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// RFC 8693 section 4.1: nested `act` claims, "the outermost `act` claim represents the current
/// actor". Members other than `sub`, `iss` and `act` only describe, and are not used.
fn read_act(outermost: &Value) -> Act {
    let mut actors = Vec::new();
    let mut next = Some(outermost);
    while let Some(value) = next {
        let Some((actor, nested)) = read_actor(value) else {
            return Act::Malformed;
        };
        actors.push(actor);
        next = nested;
    }
    Act::Chain(actors)
}

fn read_actor(value: &Value) -> Option<(Actor, Option<&Value>)> {
    let object = value.as_object()?;
    let subject = object.get("sub")?.as_str().filter(|sub| !sub.is_empty())?.into();
    let issuer = match object.get("iss") {
        None => None,
        Some(Value::String(iss)) if !iss.is_empty() => Some(iss.as_str().into()),
        Some(_) => return None,
    };
    Some((Actor { subject, issuer }, object.get("act")))
}
