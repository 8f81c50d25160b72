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
    /// How far the clock that a nonce was made by, or that a store began by, may be from ours: that
    /// of another replica, where they share a key or a store.
    pub nonce_skew: Duration,
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
    /// From then on it is refused as too old, also by a replica whose clock is behind ours.
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
        let expires_at = issued_at.after(self.max_age).after(self.clock_skew);
        if now >= expires_at {
            return Err(Reason::ProofExpired);
        }
        let of_token = digest::digest(&digest::SHA256, call.token.as_bytes());
        if text("ath")? != URL_SAFE_NO_PAD.encode(of_token) {
            return Err(Reason::ProofTokenMismatch);
        }
        let by_nonce = self.check_nonce(claims.get("nonce"), now)?;
        let made_at = by_nonce.map_or(issued_at.before(self.clock_skew), |at| at.before(self.nonce_skew));
        Ok(Proof { key, id: id.into(), made_at, until: expires_at.after(self.clock_skew) })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 9449 section 7.1, figure 12 ff.: the token, and the proof that was sent with it.
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    const PROOF: &str = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklD",
        "UkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2",
        "R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM",
        "6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8",
        "ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1ple",
        "mAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    /// RFC 9449 section 6.1: what that token is bound to.
    const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    const MADE_AT: i64 = 1_562_262_618;

    fn rules() -> ProofRules {
        ProofRules {
            algorithms: vec![Algorithm::Es256],
            max_age: Duration::from_secs(60),
            clock_skew: Duration::from_secs(5),
            require_nonce: false,
            nonce_lifetime: Duration::from_secs(300),
            nonces: NonceKey::new(&[7; 32]),
            nonce_skew: Duration::ZERO,
        }
    }

    fn check(method: &str, url: &str, token: &str, now: i64) -> Result<Proof, Reason> {
        let targets: Vec<_> = TargetUrl::parse(url).into_iter().collect();
        let call = Call { method, targets: &targets, token };
        rules().check(Field::Once(PROOF.as_bytes()), &call, UnixTime::from_secs(now))
    }

    #[test]
    fn the_proof_of_rfc_9449_holds_for_its_own_call_alone() {
        let url = "https://resource.example.org/protectedresource";
        let proof = check("GET", url, TOKEN, MADE_AT);
        let proof = proof.map(|proof| (Some(proof.key), proof.id));
        assert_eq!(proof, Ok((thumbprint(JKT), "e1j3V_bKic8-LAEB".into())));
        for (method, url, token, now, reason) in [
            ("POST", url, TOKEN, MADE_AT, Reason::ProofMethodMismatch),
            ("GET", "https://resource.example.org/", TOKEN, MADE_AT, Reason::ProofTargetMismatch),
            ("GET", url, "another", MADE_AT, Reason::ProofTokenMismatch),
            ("GET", url, TOKEN, MADE_AT + 65, Reason::ProofExpired),
            ("GET", url, TOKEN, MADE_AT - 6, Reason::ProofFromFuture),
        ] {
            assert_eq!(check(method, url, token, now).map(|proof| proof.key), Err(reason));
        }
        assert!(check("GET", url, TOKEN, MADE_AT + 64).is_ok() && check("GET", url, TOKEN, MADE_AT - 5).is_ok());
    }

    #[test]
    fn thumbprints_are_those_of_the_rfcs() {
        let modulus = concat!(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK",
            "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic",
            "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3",
            "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        );
        let cases = [
            // RFC 7638 section 3.1.
            (
                json!({ "kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29" }),
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            // RFC 9449 section 4.2.
            (
                json!({
                    "kty": "EC", "crv": "P-256",
                    "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
                    "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
                }),
                JKT,
            ),
            // RFC 8037 appendix A.3.
            (
                json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }),
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
        ];
        for (jwk, expected) in cases {
            assert_eq!(key_thumbprint(&jwk), thumbprint(expected), "{jwk}");
        }
    }
}
