//! An issuer's public keys, and which one may check a token.
//!
//! RFC 8725 section 3.1: "each key MUST be used with exactly one algorithm, and this MUST be
//! checked when the cryptographic operation is performed". A key is therefore kept together with
//! its algorithm, and a token whose `alg` differs finds no key.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use thiserror::Error;

use super::algorithm::Algorithm;
use super::json::{self, Object};
use super::reason::Reason;

/// No issuer needs more; a longer list is an attack on the reader.
const MAX_KEYS: usize = 100;
/// Longest `kid` kept, bytes.
pub(super) const MAX_KID: usize = 256;

/// The usable keys of one issuer, at least one.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    ignored: Vec<Ignored>,
}

#[derive(Clone)]
struct Key {
    kid: Option<Box<str>>,
    algorithm: Algorithm,
    decoding: DecodingKey,
}

/// A key of the set that can't be used, and why; it spoils no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Position in the set, from 0.
    pub index: usize,
    pub why: &'static str,
}

/// Why a document is no key set.
#[derive(Debug, Error)]
pub enum KeySetError {
    #[error("not a JSON object without repeated members: {0}")]
    Json(#[from] serde_json::Error),
    #[error("expected an array `keys` (RFC 7517 section 5)")]
    NoKeys,
    #[error("found {0} keys, expected at most {MAX_KEYS}")]
    TooMany(usize),
    #[error("none of the {0} keys can check a signature with the algorithms allowed: {1}")]
    NoneUsable(usize, String),
}

impl KeySet {
    /// Reads a JWK Set (RFC 7517 section 5), keeping the keys that can check signatures made with
    /// one of `algorithms`. A key that names no `alg` serves the first of them that fits its type.
    ///
    /// # Errors
    /// A document that is no JWK Set, or holds no usable key: an empty set would only turn a
    /// fault of the issuer into "unknown key" for every caller.
    pub fn parse(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, KeySetError> {
        let document = json::parse_object(bytes)?;
        let Some(Value::Array(jwks)) = document.get("keys") else {
            return Err(KeySetError::NoKeys);
        };
        if jwks.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(jwks.len()));
        }
        let mut set = Self { keys: Vec::new(), ignored: Vec::new() };
        for (index, jwk) in jwks.iter().enumerate() {
            match read_key(jwk, algorithms) {
                Ok(key) => set.keys.push(key),
                Err(why) => set.ignored.push(Ignored { index, why }),
            }
        }
        if set.keys.is_empty() {
            let reasons: Vec<_> = set.ignored.iter().map(|i| format!("key {}: {}", i.index, i.why)).collect();
            return Err(KeySetError::NoneUsable(jwks.len(), reasons.join("; ")));
        }
        Ok(set)
    }

    /// How many keys can be used.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set without usable keys can't be made")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key ids in use, in the set's order.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.kid.as_deref())
    }

    /// What each key is called, if it is, and the one algorithm it is used with.
    pub fn names(&self) -> impl Iterator<Item = (Option<&str>, Algorithm)> {
        self.keys.iter().map(|key| (key.kid.as_deref(), key.algorithm))
    }

    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.ignored
    }

    /// Checks `signature` (base64url) over `message` with the one key that `kid` and `algorithm`
    /// select. Without a `kid` the set must hold exactly one key.
    pub(super) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        message: &str,
        signature: &str,
    ) -> Result<(), Reason> {
        let key = self.select(kid, algorithm)?;
        if signed(message, signature, &key.decoding, algorithm) { Ok(()) } else { Err(Reason::SignatureInvalid) }
    }

    fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, Reason> {
        let named: Vec<&Key> = match kid {
            Some(kid) => self.keys.iter().filter(|key| key.kid.as_deref() == Some(kid)).collect(),
            None => self.keys.iter().collect(),
        };
        match (kid, named.as_slice()) {
            (Some(_), []) => Err(Reason::KeyUnknown),
            (None, [] | [_, _, ..]) => Err(Reason::KeyNotNamed),
            (_, candidates) => {
                let mut fitting = candidates.iter().filter(|key| key.algorithm == algorithm);
                match (fitting.next(), fitting.next()) {
                    (Some(key), None) => Ok(key),
                    (Some(_), Some(_)) => Err(Reason::KeyAmbiguous),
                    (None, _) => Err(Reason::AlgorithmNotOfKey),
                }
            }
        }
    }
}

/// Key ids instead of key material.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Whether `signature` (base64url) over `message` was made with the private part of `key`.
pub(super) fn signed(message: &str, signature: &str, key: &DecodingKey, algorithm: Algorithm) -> bool {
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm.into()).unwrap_or(false)
}

/// The key that a `jwk` shows, if it can check `algorithm` and shows nothing private.
pub(super) fn public_key(jwk: &Value, algorithm: Algorithm) -> Result<DecodingKey, &'static str> {
    read_key(jwk, &[algorithm]).map(|key| key.decoding)
}

fn read_key(jwk: &Value, allowed: &[Algorithm]) -> Result<Key, &'static str> {
    let Value::Object(jwk) = jwk else {
        return Err("not an object");
    };
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) if kid.len() <= MAX_KID => Some(kid.as_str().into()),
        Some(_) => return Err("`kid` is not a string of at most 256 bytes"),
    };
    match jwk.get("use") {
        None => {}
        Some(Value::String(usage)) if usage == "sig" => {}
        Some(_) => return Err("`use` is not `sig`"),
    }
    match jwk.get("key_ops") {
        None => {}
        Some(Value::Array(ops)) if ops.iter().any(|op| op == "verify") => {}
        Some(_) => return Err("`key_ops` does not hold `verify`"),
    }
    // A key whose private part is published signs for everybody.
    if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|private| jwk.contains_key(*private)) {
        return Err("symmetric, or its private part is published");
    }
    let fitting = algorithms_of_type(jwk)?;
    let algorithm = match jwk.get("alg") {
        None => allowed.iter().copied().find(|algorithm| fitting.contains(algorithm)),
        Some(Value::String(name)) => {
            let named = Algorithm::from_header(name).ok_or("its `alg` is not supported")?;
            if !fitting.contains(&named) {
                return Err("its `alg` does not fit its type");
            }
            allowed.iter().copied().find(|algorithm| *algorithm == named)
        }
        Some(_) => return Err("`alg` is not a string"),
    };
    let algorithm = algorithm.ok_or("no allowed algorithm fits it")?;
    Ok(Key { kid, algorithm, decoding: decoding_key(jwk, algorithm)? })
}

/// The algorithms that a key of this `kty` and `crv` could serve.
fn algorithms_of_type(jwk: &Object) -> Result<&'static [Algorithm], &'static str> {
    match (text(jwk, "kty"), text(jwk, "crv")) {
        (Some("EC"), Some("P-256")) => Ok(&[Algorithm::Es256]),
        (Some("EC"), Some("P-384")) => Ok(&[Algorithm::Es384]),
        (Some("OKP"), Some("Ed25519")) => Ok(&[Algorithm::EdDsa]),
        (Some("RSA"), _) => Ok(&[
            Algorithm::Rs256,
            Algorithm::Rs384,
            Algorithm::Rs512,
            Algorithm::Ps256,
            Algorithm::Ps384,
            Algorithm::Ps512,
        ]),
        (Some(_) | None, _) => Err("its `kty` or `crv` is not supported"),
    }
}

/// RFC 8725 section 3.4: validate the inputs, here once when the set is read, so that a point off
/// the curve or a short modulus never reaches a signature check.
fn decoding_key(jwk: &Object, algorithm: Algorithm) -> Result<DecodingKey, &'static str> {
    match algorithm {
        Algorithm::Es256 | Algorithm::Es384 => {
            let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
            let width = if algorithm == Algorithm::Es256 { 32 } else { 48 };
            if x.len() != width || y.len() != width {
                return Err("a coordinate has the wrong length");
            }
            let point = [&[4u8], x.as_slice(), y.as_slice()].concat();
            let verification = if algorithm == Algorithm::Es256 {
                &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED
            } else {
                &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED
            };
            aws_lc_rs::signature::ParsedPublicKey::new(verification, &point)
                .map_err(|_| "its point is not on the curve")?;
            Ok(DecodingKey::from_ec_der(&point))
        }
        Algorithm::EdDsa => {
            let x = member(jwk, "x")?;
            if x.len() != 32 {
                return Err("`x` has the wrong length");
            }
            Ok(DecodingKey::from_ed_der(&x))
        }
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => {
            let (n, e) = (member(jwk, "n")?, member(jwk, "e")?);
            // RFC 7518 section 6.3.1.1: no extra zero octets in front. RFC 7518 section 3.3: 2048
            // bits or more; above 8192 a check costs the checker too much.
            if !matches!(n.first(), Some(1..)) || !(256..=1024).contains(&n.len()) {
                return Err("its modulus is not 2048 to 8192 bits");
            }
            if n.len() == 256 && !matches!(n.first(), Some(0x80..)) {
                return Err("its modulus is shorter than 2048 bits");
            }
            if e.len() > 8 || !matches!(e.last(), Some(odd) if odd & 1 == 1) || e == [1] {
                return Err("its exponent is not usable");
            }
            Ok(DecodingKey::from_rsa_raw_components(&n, &e))
        }
    }
}

fn member(jwk: &Object, name: &'static str) -> Result<Vec<u8>, &'static str> {
    let encoded = text(jwk, name).ok_or("a member of its type is missing")?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| "a member is not base64url")
}

fn text<'a>(jwk: &'a Object, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}
