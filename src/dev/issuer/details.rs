//! `authorization_details` (RFC 9396): what a person grants beyond scopes, entry by entry.
//!
//! Entries are not filtered to the audience, which section 9.1 only recommends: an agent in the middle of a chain has
//! to pass on what is for the service at its end.

use serde_json::{Map, Value};

use super::{Issuer, form::Parameters, oauth_error::OauthError, presented::Presented};

/// The name of the parameter and of the claim.
pub(super) const NAME: &str = "authorization_details";

/// One entry.
pub(super) type Entry = Map<String, Value>;

/// The entries asked for; `None` when the request leaves the choice to the server.
pub(super) fn asked(issuer: &Issuer, parameters: &Parameters) -> Result<Option<Vec<Entry>>, OauthError> {
    let Some(text) = parameters.get(NAME) else { return Ok(None) };
    let entries: Vec<Entry> =
        serde_json::from_str(text).map_err(|_| OauthError::details("expected a JSON array of objects"))?;
    let known = &issuer.0.details_types;
    for entry in &entries {
        // RFC 9396 section 2: `type` is "REQUIRED", a string.
        let kind = entry.get("type").and_then(Value::as_str).ok_or(OauthError::details("an entry has no type"))?;
        if !known.is_empty() && !known.iter().any(|known| known == kind) {
            return Err(OauthError::details("the type of an entry is not known here"));
        }
    }
    Ok(Some(entries))
}

/// The entries asked for, each exactly as the subject token has it; all of the subject's when none are asked for.
pub(super) fn narrowed(
    issuer: &Issuer,
    subject: &Presented,
    parameters: &Parameters,
) -> Result<Vec<Entry>, OauthError> {
    let held = subject.authorization_details.clone().unwrap_or_default();
    match asked(issuer, parameters)? {
        None => Ok(held),
        Some(asked) if asked.iter().all(|entry| held.contains(entry)) => Ok(asked),
        Some(_) => Err(OauthError::details("the subject token does not have an entry that was asked for")),
    }
}
