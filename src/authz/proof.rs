//! DPoP proofs (RFC 9449 section 4.3): a signature over this very call by the key that the token is
//! bound to.

use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::Value;

use super::algorithm::Algorithm;
use super::confirmation::{Thumbprint, thumbprint};
use super::json::Object;
use super::jws::{self, Parts};
use super::keys;
use super::nonce::NonceKey;
use super::reason::Reason;
use super::request::Field;
use super::target::TargetUrl;
use super::time::UnixTime;

/// Longest proof looked at, bytes: the key of an RSA signer, its signature and a long URL fit.
const MAX_PROOF: usize = 8192;
/// Longest `jti` of a proof, bytes.
const MAX_JTI: usize = 256;

/// What is asked of every proof.
#[derive(Debug)]
pub struct ProofRules {
    pub algorithms: Vec<Algorithm>,
    /// Longest time from `iat` until the proof is used.
    pub max_age: Duration,
    /// How far a client's clock may be from ours.
    pub clock_skew: Duration,
    /// Refuse proofs without a nonce of ours.
    pub require_nonce: bool,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
    pub nonces: NonceKey,
}

/// What the proof is about.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    /// The URLs this request may have been sent to; one must be the proof's.
    pub(super) targets: &'a [TargetUrl],
    /// The access token as sent.
    pub(super) token: &'a str,
}

/// A proof that holds for one call.
#[derive(Debug)]
pub(super) struct Proof {
    /// The thumbprint of the key it was signed with.
    pub(super) key: Thumbprint,
    pub(super) id: Box<str>,
    /// The earliest instant of our clock at which it can have been made.
    pub(super) made_at: UnixTime,
    /// From then on it is refused as too old.
    pub(super) until: UnixTime,
}

impl ProofRules {
    /// The numbered checks of RFC 9449 section 4.3, but for the comparison with the token's `jkt`.
    pub(super) fn check(&self, header: Field<'_>, call: &Call<'_>, now: UnixTime) -> Result<Proof, Reason> {
        // (1) is check 1 of every call.
        let proof = match header {
            Field::Absent => return Err(Reason::ProofMissing),
            Field::Once(bytes) => std::str::from_utf8(bytes.trim_ascii()).map_err(|_| Reason::ProofMalformed)?,
            Field::Repeated => return Err(Reason::HeaderRepeated),
        };
        if proof.len() > MAX_PROOF {
            return Err(Reason::ProofMalformed);
        }
        let parts = Parts::split(proof).map_err(|_| Reason::ProofMalformed)?;
        let key = self.check_signature(&parts)?;
        self.check_claims(&parts.payload, key, call, now)
    }

    /// (4) to (7): the header, and the signature by the key it shows.
    fn check_signature(&self, parts: &Parts<'_>) -> Result<Thumbprint, Reason> {
        if jws::asks_for_more(&parts.header) {
            return Err(Reason::ProofMalformed);
        }
        // Media types compare without case, with or without `application/` (RFC 7515 section 4.1.9).
        let typ = parts.header.get("typ").and_then(Value::as_str).ok_or(Reason::ProofTypeWrong)?.to_ascii_lowercase();
        if typ.strip_prefix("application/").unwrap_or(&typ) != "dpop+jwt" {
            return Err(Reason::ProofTypeWrong);
        }
        let algorithm = parts.header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_header);
        let algorithm = algorithm.filter(|algorithm| self.algorithms.contains(algorithm));
        let algorithm = algorithm.ok_or(Reason::ProofAlgorithmNotAllowed)?;
        let jwk = parts.header.get("jwk").ok_or(Reason::ProofKeyUnusable)?;
        let key = keys::public_key(jwk, algorithm).map_err(|_| Reason::ProofKeyUnusable)?;
        if !keys::signed(parts.message, parts.signature, &key, algorithm) {
            return Err(Reason::ProofSignatureInvalid);
        }
        key_thumbprint(jwk).ok_or(Reason::ProofKeyUnusable)
    }

    /// (3) and (8) to (12).
    fn check_claims(&self, claims: &Object, key: Thumbprint, call: &Call<'_>, now: UnixTime) -> Result<Proof, Reason> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).ok_or(Reason::ProofMalformed);
        let id = text("jti")?;
        if id.is_empty() || id.len() > MAX_JTI {
            return Err(Reason::ProofMalformed);
        }
        // RFC 9110 section 9.1: methods are case-sensitive.
        if text("htm")? != call.method {
            return Err(Reason::ProofMethodMismatch);
        }
        let target = TargetUrl::parse(text("htu")?).ok_or(Reason::ProofTargetMismatch)?;
        if !call.targets.contains(&target) {
            return Err(Reason::ProofTargetMismatch);
        }
        let issued_at = super::claims::date(claims, "iat").ok_or(Reason::ProofMalformed)?;
        if issued_at > now.after(self.clock_skew) {
            return Err(Reason::ProofFromFuture);
        }
        let until = issued_at.after(self.max_age).after(self.clock_skew);
        if now >= until {
            return Err(Reason::ProofExpired);
        }
        let of_token = digest::digest(&digest::SHA256, call.token.as_bytes());
        if text("ath")? != URL_SAFE_NO_PAD.encode(of_token) {
            return Err(Reason::ProofTokenMismatch);
        }
        let by_nonce = self.check_nonce(claims.get("nonce"), now)?;
        let made_at = by_nonce.unwrap_or(issued_at.before(self.clock_skew));
        Ok(Proof { key, id: id.into(), made_at, until })
    }

    /// When the nonce was made, where there is one. It is checked even where none is required: a
    /// client that has a nonce from before a restart learns of it.
    fn check_nonce(&self, nonce: Option<&Value>, now: UnixTime) -> Result<Option<UnixTime>, Reason> {
        match nonce {
            None if self.require_nonce => Err(Reason::ProofNonceRequired),
            None => Ok(None),
            Some(nonce) => {
                let made_at = nonce
                    .as_str()
                    .and_then(|nonce| self.nonces.made_at(nonce, now, self.nonce_lifetime, self.clock_skew));
                made_at.map(Some).ok_or(Reason::ProofNonceInvalid)
            }
        }
    }
}

/// RFC 7638.
fn key_thumbprint(jwk: &Value) -> Option<Thumbprint> {
    let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
    thumbprint(&jwk.thumbprint(ThumbprintHash::SHA256).ok()?)
}
