//! DPoP proofs (RFC 9449 section 4.2), and every way of getting them wrong. **NOT FOR PRODUCTION.**

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    DevError,
    keys::SigningKey,
    mint::{changed, now},
};

/// A proof to be: what RFC 9449 asks for, then whatever a test wants changed.
///
/// Each [`sign`](Self::sign) gives a new `jti` and, unless it was changed, a new `iat`.
#[derive(Debug, Clone)]
pub struct ProofBuilder {
    claims: Map<String, Value>,
    header_changes: Vec<(String, Option<Value>)>,
    claim_changes: Vec<(String, Option<Value>)>,
}

impl ProofBuilder {
    /// A proof for one call with `token`: `url` is what the caller asks for, without its query.
    #[must_use]
    pub fn new(method: &str, url: &str, token: &str) -> Self {
        let ath = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()));
        let mut claims = Map::new();
        for (name, value) in [("htm", method), ("htu", url), ("ath", &ath)] {
            claims.insert(name.to_owned(), json!(value));
        }
        Self { claims, header_changes: Vec::new(), claim_changes: Vec::new() }
    }

    /// The nonce that the resource server gave (RFC 9449 section 9).
    #[must_use]
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", json!(nonce))
    }

    /// Any claim with any value.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claim_changes.push((name.to_owned(), Some(value)));
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claim_changes.push((name.to_owned(), None));
        self
    }

    /// Any header parameter with any value.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header_changes.push((name.to_owned(), Some(value)));
        self
    }

    /// Leaves a header parameter out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header_changes.push((name.to_owned(), None));
        self
    }

    /// The proof, as a compact JWS that shows the public part of `key`.
    ///
    /// # Errors
    /// The key can't sign.
    pub fn sign(&self, key: &SigningKey) -> Result<String, DevError> {
        let mut header = Map::new();
        for (name, value) in [("typ", json!("dpop+jwt")), ("alg", json!(key.alg())), ("jwk", key.jwk().clone())] {
            header.insert(name.to_owned(), value);
        }
        let mut claims = self.claims.clone();
        claims.insert("jti".to_owned(), json!(Uuid::new_v4().to_string()));
        claims.insert("iat".to_owned(), json!(now()));
        key.sign(&changed(header, &self.header_changes), &changed(claims, &self.claim_changes))
    }
}
