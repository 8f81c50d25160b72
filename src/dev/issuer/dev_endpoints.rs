//! What no real issuer has: a user's token for whoever asks, and key rotation on demand.

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use serde_json::{Value, json};

use crate::dev::mint::{TokenBuilder, now};

use super::{
    Issuer, details,
    form::{Pairs, Parameters},
    grant::{Grant, answer},
    oauth_error::OauthError,
};

/// A token as an interactive consent would have given it: `client_id` acts for `sub`, no `act` yet. Nobody is asked.
pub(super) async fn user_token(State(issuer): State<Issuer>, pairs: Pairs) -> Result<Response, OauthError> {
    let parameters = Parameters::read(pairs)?;
    let sub = parameters.required("sub", "sub is missing")?;
    let client_id = parameters.required("client_id", "client_id is missing")?;
    let audiences = parameters.targets()?;
    if audiences.is_empty() {
        return Err(OauthError::target("audience or resource is missing"));
    }
    let scopes = parameters.scopes()?.unwrap_or_default();
    let details = details::asked(&issuer, &parameters)?.unwrap_or_default();
    let lifetime = issuer.0.lifetime;
    let token =
        TokenBuilder::new(issuer.identifier(), sub, "").audiences(audiences).client_id(client_id).lifetime(lifetime);
    let token = authenticated(token, &parameters)?;
    let lifetime_s = lifetime.as_secs();
    answer(&issuer, &Grant { token, scopes, details, lifetime_s, issued_token_type: None, bound_to: None })
}

/// As an answer to what RFC 9470 section 4 adds to an authorization request: the person authenticated at the first of
/// `acr_values`, just now, or at `auth_time` for a session that is older.
fn authenticated(token: TokenBuilder, parameters: &Parameters) -> Result<TokenBuilder, OauthError> {
    let level = parameters.get("acr_values").and_then(|values| values.split(' ').find(|value| !value.is_empty()));
    let auth_time = match parameters.get("auth_time").map(str::parse::<u64>) {
        None => level.map(|_| now()),
        Some(Ok(seconds)) if seconds <= now() => Some(seconds),
        Some(_) => return Err(OauthError::request("auth_time is not a time in the past, in seconds since the epoch")),
    };
    let token = level.into_iter().fold(token, |token, level| token.claim("acr", json!(level)));
    Ok(auth_time.into_iter().fold(token, |token, seconds| token.claim("auth_time", json!(seconds))))
}

/// Rotates; `keep_old=false` withdraws the old public keys at once, as after a compromise.
pub(super) async fn rotate(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Json<Value>, OauthError> {
    // A POST without a body, and so without a content type, is the plain case; axum's form would refuse it.
    let parameters = if headers.contains_key(header::CONTENT_TYPE) { Some(Parameters::read(pairs)?) } else { None };
    let keep_old = match parameters.as_ref().and_then(|parameters| parameters.get("keep_old")) {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(OauthError::request("keep_old is neither true nor false")),
    };
    // An RSA key takes long enough to keep other requests waiting.
    let rotating = issuer.clone();
    let key = tokio::task::spawn_blocking(move || rotating.rotate(keep_old))
        .await
        .ok()
        .and_then(Result::ok)
        .ok_or(OauthError::server("no key could be made"))?;
    let published: Vec<String> =
        issuer.0.keys.load().published(Instant::now()).map(|key| key.kid().to_owned()).collect();
    Ok(Json(json!({ "kid": key.kid(), "published": published })))
}
