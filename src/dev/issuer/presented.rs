//! Tokens that are presented in an exchange: this issuer's own, still good, access tokens and no others.

use std::time::Instant;

use jsonwebtoken::Validation;
use serde::Deserialize;
use serde_json::Value;

use crate::dev::mint::{Act, present};

use super::{Issuer, details};

/// The claims of a token whose signature, type, issuer and expiry were checked.
#[derive(Debug, Deserialize)]
pub(super) struct Presented {
    pub(super) sub: String,
    pub(super) client_id: String,
    /// Seconds since the epoch.
    pub(super) exp: u64,
    #[serde(default, deserialize_with = "present")]
    pub(super) scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) authorization_details: Option<Vec<details::Entry>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) act: Option<Act>,
    /// Who may become the actor (RFC 8693 section 4.4).
    #[serde(default, deserialize_with = "present")]
    pub(super) may_act: Option<MayAct>,
    // RFC 9068 section 2.2.1: about the user's authentication, and so the same in every token derived from it.
    #[serde(default)]
    pub(super) auth_time: Option<Value>,
    #[serde(default)]
    pub(super) acr: Option<Value>,
    #[serde(default)]
    pub(super) amr: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MayAct {
    pub(super) sub: String,
}

/// The claims of `token`, or nothing: the caller need not know what was wrong with it.
pub(super) fn verified(issuer: &Issuer, token: &str) -> Option<Presented> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    let kind = header.typ?.to_ascii_lowercase();
    if !matches!(kind.as_str(), "at+jwt" | "application/at+jwt") {
        return None;
    }
    let keys = issuer.0.keys.load();
    let key = keys.find(&header.kid?, Instant::now())?;

    let mut rules = Validation::new(key.algorithm());
    rules.leeway = 0;
    rules.validate_nbf = true;
    // For whom the token is does not matter here: it is shown to the one who issued it.
    rules.validate_aud = false;
    rules.set_issuer(&[issuer.identifier()]);
    rules.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
    let claims = jsonwebtoken::decode::<Presented>(token, key.verifier(), &rules).ok()?.claims;
    let named = !claims.sub.is_empty() && !claims.client_id.is_empty();
    let actors_named =
        std::iter::successors(claims.act.as_ref(), |act| act.act.as_deref()).all(|act| !act.sub.is_empty());
    (named && actors_named).then_some(claims)
}
