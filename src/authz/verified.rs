//! Tokens whose issuer's signature was checked, remembered so that it is checked once.

use std::sync::Arc;

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use super::claims::Claims;
use super::jws::Jws;
use super::reason::Reason;
use super::snapshot::{Issuer, Snapshot};

/// SHA-256 of the token as sent. Two spellings of one token have two; see [`Claims::token_id`]
/// for what a token is claimed by.
pub type TokenDigest = [u8; 32];

/// A token that carries a valid signature of the issuer it names, made with a key of that issuer.
///
/// Its times, audience, scopes and chain are *not* checked by its existence: that is done for
/// every request. Only `verify` makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    claims: Claims,
    digest: TokenDigest,
    issuer_generation: u64,
}

impl VerifiedToken {
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    #[must_use]
    pub fn digest(&self) -> &TokenDigest {
        &self.digest
    }
}

/// A token that failed: why, and what it says of itself, unproven, as far as it could be read.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) reason: Reason,
    pub(super) claimed: Option<Box<Claims>>,
}

impl From<Reason> for Rejected {
    fn from(reason: Reason) -> Self {
        Self { reason, claimed: None }
    }
}

/// Verified tokens by digest. Forgetting one only costs the next check its signature again, so
/// this cache evicts; the replay store must not.
#[derive(Debug)]
pub struct VerifiedTokens(Cache<TokenDigest, Arc<VerifiedToken>>);

impl VerifiedTokens {
    /// Room for `capacity` tokens (about 1 KiB each).
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }
}

/// Check 4 up to the signature. A remembered token counts only while its issuer's keys and
/// settings are those it was checked with.
pub(super) fn verify(snapshot: &Snapshot, token: &str) -> Result<Arc<VerifiedToken>, Rejected> {
    if token.len() > snapshot.token_limit {
        return Err(Reason::TokenTooLarge.into());
    }
    let digest = sha256(token.as_bytes());
    if let Some(known) = snapshot.verified.0.get(&digest)
        && snapshot.issuer(&known.claims.issuer).is_some_and(|issuer| issuer.generation == known.issuer_generation)
    {
        return Ok(known);
    }
    let verified = Arc::new(check_signature(snapshot, token, digest)?);
    snapshot.verified.0.insert(digest, Arc::clone(&verified));
    Ok(verified)
}

/// RFC 9068 section 4: the type first, then the issuer's own keys.
fn check_signature(snapshot: &Snapshot, token: &str, digest: TokenDigest) -> Result<VerifiedToken, Rejected> {
    let jws = Jws::decode(token)?;
    let named = jws.payload.get("iss").and_then(serde_json::Value::as_str).ok_or(Reason::ClaimMalformed)?;
    let issuer = snapshot.issuer(named).ok_or(Reason::IssuerUnknown)?;
    let claims = Claims::read(&jws.payload, &issuer.shape);
    if !jws.header.typ.as_deref().is_some_and(|typ| issuer.accepts_type(typ)) {
        return Err(Rejected { reason: Reason::TokenTypeWrong, claimed: claims.ok().map(Box::new) });
    }
    let claims = claims?;
    match check_key(&jws, issuer) {
        Ok(()) => Ok(VerifiedToken { claims, digest, issuer_generation: issuer.generation }),
        Err(reason) => Err(Rejected { reason, claimed: Some(Box::new(claims)) }),
    }
}

fn check_key(jws: &Jws<'_>, issuer: &Issuer) -> Result<(), Reason> {
    let algorithm = jws.header.algorithm.filter(|algorithm| issuer.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or(Reason::AlgorithmNotAllowed)?;
    let keys = issuer.keys.as_ref().ok_or(Reason::KeysUnavailable)?;
    keys.verify(jws.header.kid.as_deref(), algorithm, jws.message, jws.signature)
}

fn sha256(bytes: &[u8]) -> TokenDigest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
