//! What no real issuer has: a user's token for whoever asks, and key rotation on demand.

use std::time::Instant;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use serde_json::{Value, json};

use crate::dev::mint::TokenBuilder;

use super::{
    Issuer,
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
    let lifetime = issuer.0.lifetime;
    let token =
        TokenBuilder::new(issuer.identifier(), sub, "").audiences(audiences).client_id(client_id).lifetime(lifetime);
    answer(&issuer, &Grant { token, scopes, lifetime_s: lifetime.as_secs(), issued_token_type: None })
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
