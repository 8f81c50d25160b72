//! The token endpoint: who asks (RFC 6749 section 2.3), for which grant, and the answer (section 5.1).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::dev::mint::TokenBuilder;

use super::{
    Client, Issuer, details, dpop, exchange,
    form::{Pairs, Parameters},
    oauth_error::OauthError,
};

pub(super) const CLIENT_CREDENTIALS: &str = "client_credentials";
pub(super) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// A token that was granted, and what its answer says about it.
pub(super) struct Grant {
    pub(super) token: TokenBuilder,
    pub(super) scopes: Vec<String>,
    /// RFC 9396.
    pub(super) details: Vec<details::Entry>,
    pub(super) lifetime_s: u64,
    /// For token exchange (RFC 8693 section 2.2.1).
    pub(super) issued_token_type: Option<&'static str>,
    /// The thumbprint of the key that it is bound to (RFC 9449 section 6.1).
    pub(super) bound_to: Option<String>,
}

pub(super) async fn token(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, OauthError> {
    let parameters = Parameters::read(pairs)?;
    let client = authenticate(&issuer, &headers, &parameters)?;
    let bound_to = dpop::proven(&issuer, &headers)?;
    let grant = match parameters.required("grant_type", "grant_type is missing")? {
        CLIENT_CREDENTIALS => client_credentials(&issuer, client, &parameters)?,
        TOKEN_EXCHANGE => exchange::exchange(&issuer, client, &parameters)?,
        _ => {
            return Err(OauthError::grant_type("expected client_credentials or token-exchange"));
        }
    };
    answer(&issuer, &Grant { bound_to, ..grant })
}

/// The successful answer of RFC 6749 section 5.1.
pub(super) fn answer(issuer: &Issuer, grant: &Grant) -> Result<Response, OauthError> {
    let scope = grant.scopes.join(" ");
    let mut token = grant.token.clone().scope(&scope);
    if !grant.details.is_empty() {
        token = token.claim(details::NAME, json!(grant.details));
    }
    if let Some(thumbprint) = &grant.bound_to {
        token = token.claim("cnf", json!({ "jkt": thumbprint }));
    }
    let signed = token.sign(&issuer.signing_key()).map_err(|_| OauthError::server("the token could not be signed"))?;
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(signed));
    body.insert("token_type".to_owned(), json!(if grant.bound_to.is_some() { "DPoP" } else { "Bearer" }));
    body.insert("expires_in".to_owned(), json!(grant.lifetime_s));
    if !scope.is_empty() {
        body.insert("scope".to_owned(), json!(scope));
    }
    if !grant.details.is_empty() {
        // RFC 9396 section 7: "the AS MUST also return the authorization_details as granted".
        body.insert(details::NAME.to_owned(), json!(grant.details));
    }
    if let Some(kind) = grant.issued_token_type {
        body.insert("issued_token_type".to_owned(), json!(kind));
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Value::Object(body))).into_response())
}

/// RFC 6749 section 4.4. Without an audience the token is for the issuer itself: fit to be an `actor_token`, and
/// nothing else.
fn client_credentials(issuer: &Issuer, client: &Client, parameters: &Parameters) -> Result<Grant, OauthError> {
    if parameters.get(details::NAME).is_some() {
        return Err(OauthError::details("a client can't grant them to itself"));
    }
    let scopes = match parameters.scopes()? {
        None => client.scopes.clone(),
        Some(asked) if asked.iter().all(|scope| client.scopes.contains(scope)) => asked,
        Some(_) => {
            return Err(OauthError::scope("the client may not have a scope it asked for"));
        }
    };
    let mut audiences = parameters.targets()?;
    if audiences.is_empty() {
        audiences.push(issuer.identifier().to_owned());
    }
    // RFC 9068 section 2.2: `sub` is the client itself where no resource owner is involved.
    let token = TokenBuilder::new(issuer.identifier(), &client.id, "").audiences(audiences).lifetime(issuer.0.lifetime);
    let lifetime_s = issuer.0.lifetime.as_secs();
    Ok(Grant { token, scopes, details: Vec::new(), lifetime_s, issued_token_type: None, bound_to: None })
}

/// `client_secret_basic` or `client_secret_post`; RFC 6749 section 2.3: "MUST NOT use more than one authentication
/// method in each request".
fn authenticate<'a>(
    issuer: &'a Issuer,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<&'a Client, OauthError> {
    let mut credentials = headers.get_all(header::AUTHORIZATION).iter();
    let (id, secret) = match (credentials.next(), parameters.get("client_secret")) {
        (Some(_), Some(_)) => {
            return Err(OauthError::request("more than one way of client authentication"));
        }
        (Some(value), None) => {
            let basic = value.to_str().ok().and_then(basic).filter(|_| credentials.next().is_none());
            let (id, secret) = basic.ok_or(OauthError::client("expected one Basic authorization header"))?;
            if parameters.get("client_id").is_some_and(|other| other != id) {
                return Err(OauthError::request("client_id is not the authenticated client"));
            }
            (id, secret)
        }
        (None, Some(secret)) => {
            let id = parameters.required("client_id", "client_id is missing")?;
            (id.to_owned(), secret.to_owned())
        }
        (None, None) => return Err(OauthError::client("client authentication is missing")),
    };
    issuer
        .0
        .clients
        .iter()
        .find(|client| client.id == id)
        .filter(|client| verify_slices_are_equal(client.secret.0.as_bytes(), secret.as_bytes()).is_ok())
        .ok_or(OauthError::client("unknown client or wrong secret"))
}

/// Reads `Basic` credentials; RFC 6749 section 2.3.1 has both halves form-encoded before the base64.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
