//! Token exchange (RFC 8693): the same subject, one actor more, never a wider scope, no approval more, never a longer
//! life.

use std::time::Duration;

use serde_json::Value;

use crate::dev::mint::{Act, TokenBuilder, now};

use super::{
    Client, Issuer, details,
    form::{self, Parameters},
    grant::Grant,
    oauth_error::OauthError,
    presented::{Presented, verified},
};

pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// Grants a token for the next hop: `sub` stays the subject's, `act` is the actor over the subject token's `act`.
pub(super) fn exchange(issuer: &Issuer, client: &Client, parameters: &Parameters) -> Result<Grant, OauthError> {
    if parameters.get("requested_token_type").is_some_and(|kind| kind != ACCESS_TOKEN) {
        return Err(OauthError::request("requested_token_type is not access_token"));
    }
    let subject = subject(issuer, parameters)?;
    let actor = actor(issuer, client, parameters)?;
    if subject.may_act.as_ref().is_some_and(|allowed| allowed.sub != actor) {
        return Err(OauthError::request("the actor is not the one the subject token's may_act names"));
    }
    // RFC 8707 section 2: `invalid_target` for a resource that is "invalid, missing, unknown, or malformed". A token for
    // every service at once is what the exchange is there to avoid.
    let audiences = parameters.targets()?;
    if audiences.is_empty() {
        return Err(OauthError::target("audience or resource is missing"));
    }
    let scopes = narrowed(&subject, parameters)?;
    let details = details::narrowed(issuer, &subject, parameters)?;

    // A token that outlived the one it was made from could be exchanged again and again, for ever.
    let left = subject.exp.saturating_sub(now());
    let lifetime_s = issuer.0.lifetime.as_secs().min(left);
    let mut token = TokenBuilder::new(issuer.identifier(), &subject.sub, "")
        .audiences(audiences)
        .client_id(&client.id)
        .act(&Act::over(actor, subject.act))
        .lifetime(Duration::from_secs(lifetime_s));
    for (name, value) in [("auth_time", subject.auth_time), ("acr", subject.acr), ("amr", subject.amr)] {
        token = value.into_iter().fold(token, |token, value: Value| token.claim(name, value));
    }
    Ok(Grant { token, scopes, details, lifetime_s, issued_token_type: Some(ACCESS_TOKEN), bound_to: None })
}

fn subject(issuer: &Issuer, parameters: &Parameters) -> Result<Presented, OauthError> {
    let token = parameters.required("subject_token", "subject_token is missing")?;
    let kind = parameters.required("subject_token_type", "subject_token_type is missing")?;
    check_type(kind)?;
    verified(issuer, token).ok_or(OauthError::request("subject_token is not a valid token of this issuer"))
}

/// Who will act: the subject of `actor_token`, which must be the client's own, or the client itself without one.
fn actor(issuer: &Issuer, client: &Client, parameters: &Parameters) -> Result<String, OauthError> {
    let (token, kind) = match (parameters.get("actor_token"), parameters.get("actor_token_type")) {
        (None, None) => return Ok(client.id.clone()),
        (Some(token), Some(kind)) => (token, kind),
        // RFC 8693 section 2.1: the type is required with the token and "MUST NOT be included" without it.
        (None, Some(_)) | (Some(_), None) => {
            return Err(OauthError::request("actor_token and actor_token_type come together or not at all"));
        }
    };
    check_type(kind)?;
    let actor =
        verified(issuer, token).ok_or(OauthError::request("actor_token is not a valid token of this issuer"))?;
    // Another client's token, or one that was itself delegated, would name an actor that is not asking.
    if actor.client_id != client.id || actor.sub != client.id || actor.act.is_some() {
        return Err(OauthError::request("actor_token is not the client's own token"));
    }
    Ok(actor.sub)
}

fn check_type(kind: &str) -> Result<(), OauthError> {
    if matches!(kind, ACCESS_TOKEN | JWT) {
        Ok(())
    } else {
        Err(OauthError::request("expected a token type of access_token or jwt"))
    }
}

/// The scopes asked for, all of which the subject token must have; all of the subject's when none are asked for.
fn narrowed(subject: &Presented, parameters: &Parameters) -> Result<Vec<String>, OauthError> {
    let held = form::scopes(subject.scope.as_deref().unwrap_or_default())?;
    match parameters.scopes()? {
        None => Ok(held),
        Some(asked) if asked.iter().all(|scope| held.contains(scope)) => Ok(asked),
        Some(_) => Err(OauthError::scope("the subject token does not have a scope that was asked for")),
    }
}
