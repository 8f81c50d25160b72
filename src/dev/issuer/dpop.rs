//! The `DPoP` proof of a token request (RFC 9449 section 5): who sends one gets a token that is bound to its key.
//!
//! A proof may be used again while it is fresh: who has it got it from a client on this machine.

use axum::http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::ThumbprintHash};
use serde::Deserialize;

use crate::dev::mint::now;

use super::{Issuer, oauth_error::OauthError};

/// What a proof may be signed with: never a shared secret.
pub(super) const ALGORITHMS: [Algorithm; 3] = [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];

/// How far a proof's `iat` may be from now, in seconds.
const FRESH: u64 = 60;

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
}

/// The thumbprint of the key that was proven; `None` without a proof.
pub(super) fn proven(issuer: &Issuer, headers: &HeaderMap) -> Result<Option<String>, OauthError> {
    let mut proofs = headers.get_all("dpop").iter();
    match (proofs.next(), proofs.next()) {
        (None, _) => Ok(None),
        (Some(proof), None) => {
            let proven = proof.to_str().ok().and_then(|proof| key_of(proof, &issuer.0.identifier.url("/token")));
            proven.map(Some).ok_or(OauthError::proof("the DPoP proof is not one of this request"))
        }
        (Some(_), Some(_)) => Err(OauthError::proof("more than one DPoP proof")),
    }
}

/// The checks of RFC 9449 section 4.3 that concern a token request.
fn key_of(proof: &str, url: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(proof).ok()?;
    let is_proof = header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"));
    if !is_proof || !ALGORITHMS.contains(&header.alg) {
        return None;
    }
    let jwk = header.jwk?;
    let mut rules = Validation::new(header.alg);
    rules.set_required_spec_claims::<&str>(&[]);
    rules.validate_exp = false;
    rules.validate_aud = false;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let claims = jsonwebtoken::decode::<Claims>(proof, &key, &rules).ok()?.claims;
    let of_this = claims.htm == "POST" && claims.htu == url && !claims.jti.is_empty();
    (of_this && claims.iat.abs_diff(now()) <= FRESH).then(|| jwk.thumbprint(ThumbprintHash::SHA256).ok())?
}
