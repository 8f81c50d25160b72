//! Signing keys for the dev issuer and for tests. **NOT FOR PRODUCTION.**

use std::{fmt, fs, path::Path};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DevError, files};

/// A private key, its public half as a JWK (RFC 7517) and the one algorithm both are for.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: String,
    pkcs8: Vec<u8>,
    signer: EncodingKey,
    verifier: DecodingKey,
    jwk: Value,
}

/// A key as its file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    alg: Algorithm,
    kid: String,
    /// The private key in PKCS#8 (RFC 5208) DER, in base64 with padding (RFC 4648 section 4).
    pkcs8: String,
}

impl SigningKey {
    /// A new random key: ES256, ES384, `EdDSA` (Ed25519), or any of RS256/384/512 and PS256/384/512 (2048 bits).
    /// Its `kid` is the key's RFC 7638 thumbprint.
    ///
    /// # Errors
    /// [`DevError::Algorithm`] for HMAC algorithms; [`DevError::Generate`] when the library has no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Self, DevError> {
        let pkcs8 = generate_pkcs8(algorithm)?;
        Self::from_pkcs8(algorithm, None, pkcs8)
    }

    /// The same key under another `kid`.
    #[must_use]
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        if let Value::Object(jwk) = &mut self.jwk {
            jwk.insert("kid".to_owned(), json!(self.kid));
        }
        self
    }

    /// The key that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The file is missing, is not a key file, or its bytes are no key for its `alg`.
    pub fn load(path: &Path) -> Result<Self, DevError> {
        let text = fs::read(path).map_err(|fault| DevError::File { path: path.to_owned(), fault })?;
        let file: KeyFile =
            serde_json::from_slice(&text).map_err(|fault| DevError::KeyFile { path: path.to_owned(), fault })?;
        let pkcs8 = STANDARD.decode(&file.pkcs8).map_err(|_| DevError::Pkcs8(file.alg))?;
        Self::from_pkcs8(file.alg, Some(file.kid), pkcs8)
    }

    /// Writes the private key, unencrypted, to a new file of mode 0600.
    ///
    /// # Errors
    /// [`DevError::File`], also when the file exists.
    pub fn save(&self, path: &Path) -> Result<(), DevError> {
        let file = KeyFile { alg: self.algorithm, kid: self.kid.clone(), pkcs8: STANDARD.encode(&self.pkcs8) };
        files::write_private(path, &serde_json::to_string_pretty(&file)?)
    }

    /// Writes the public key as a JWK Set (RFC 7517 section 5) to a new file.
    ///
    /// # Errors
    /// [`DevError::File`], also when the file exists.
    pub fn save_jwks(&self, path: &Path) -> Result<(), DevError> {
        files::write_public(path, &serde_json::to_string_pretty(&self.jwks())?)
    }

    /// A compact JWS (RFC 7515 section 7.1) with exactly this header: `alg`, `typ` and `kid` are whatever it says, so
    /// that tests can lie. The signature is always the one of the key's own algorithm.
    ///
    /// # Errors
    /// The library refuses the key.
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, DevError> {
        self.sign_raw(&serde_json::to_vec(header)?, &serde_json::to_vec(claims)?)
    }

    /// As [`sign`](Self::sign), for bytes that need not be JSON (duplicate members, say, which `Value` can't hold).
    ///
    /// # Errors
    /// The library refuses the key.
    pub fn sign_raw(&self, header: &[u8], payload: &[u8]) -> Result<String, DevError> {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.signer, self.algorithm)?;
        Ok(format!("{input}.{signature}"))
    }

    /// The one algorithm this key signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `alg` of this key's JWK and headers, such as `ES256`.
    #[must_use]
    pub fn alg(&self) -> &str {
        self.jwk.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key: `kty`, `crv`/`x`/`y` or `n`/`e`, `alg`, `use` and `kid`.
    #[must_use]
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// A JWK Set of this public key alone.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// The public key, ready for [`jsonwebtoken::crypto::verify`].
    #[must_use]
    pub fn verifier(&self) -> &DecodingKey {
        &self.verifier
    }

    fn from_pkcs8(algorithm: Algorithm, kid: Option<String>, pkcs8: Vec<u8>) -> Result<Self, DevError> {
        let signer = match algorithm.family() {
            AlgorithmFamily::Ec => EncodingKey::from_ec_der(&pkcs8),
            AlgorithmFamily::Ed => EncodingKey::from_ed_der(&pkcs8),
            AlgorithmFamily::Rsa => {
                EncodingKey::from_rsa_der(&rsa_private_key(&pkcs8).map_err(|_| DevError::Pkcs8(algorithm))?)
            }
            AlgorithmFamily::Hmac => return Err(DevError::Algorithm { found: algorithm }),
        };
        let mut jwk = Jwk::from_encoding_key(&signer, algorithm)?;
        let kid = kid.map_or_else(|| jwk.thumbprint(ThumbprintHash::SHA256), Ok)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let verifier = DecodingKey::from_jwk(&jwk)?;
        let jwk = serde_json::to_value(jwk)?;
        Ok(Self { algorithm, kid, pkcs8, signer, verifier, jwk })
    }
}

/// Never the private key.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("jwk", &self.jwk).finish_non_exhaustive()
    }
}

fn generate_pkcs8(algorithm: Algorithm) -> Result<Vec<u8>, DevError> {
    let random = SystemRandom::new();
    let der = match algorithm {
        Algorithm::ES256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map(|document| document.as_ref().to_vec()),
        Algorithm::ES384 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, &random)
            .map(|document| document.as_ref().to_vec()),
        // Version 1, without the public key: the only form `Jwk::from_encoding_key` reads.
        Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8v1(&random).map(|document| document.as_ref().to_vec()),
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => rsa::KeyPair::generate(rsa::KeySize::Rsa2048)
            .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map(|der| der.as_ref().to_vec())),
        // `Algorithm` is another crate's open enum: HMAC, and whatever it may hold one day.
        found => return Err(DevError::Algorithm { found }),
    };
    der.map_err(|_| DevError::Generate(algorithm))
}

/// The RFC 8017 `RSAPrivateKey` inside a PKCS#8 key: what `jsonwebtoken` signs with. RFC 5208 section 5:
/// `PrivateKeyInfo ::= SEQUENCE { version, privateKeyAlgorithm, privateKey OCTET STRING, … }`.
fn rsa_private_key(pkcs8: &[u8]) -> yasna::ASN1Result<Vec<u8>> {
    yasna::parse_der(pkcs8, |reader| {
        reader.read_sequence(|fields| {
            fields.next().read_u8()?;
            fields.next().read_sequence(|algorithm| {
                algorithm.next().read_oid()?;
                algorithm.next().read_null()
            })?;
            fields.next().read_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const ALGORITHMS: [(Algorithm, &str, &[&str]); 9] = [
        (Algorithm::ES256, "ES256", &["kty", "crv", "x", "y"]),
        (Algorithm::ES384, "ES384", &["kty", "crv", "x", "y"]),
        (Algorithm::EdDSA, "EdDSA", &["kty", "crv", "x"]),
        (Algorithm::RS256, "RS256", &["kty", "n", "e"]),
        (Algorithm::RS384, "RS384", &["kty", "n", "e"]),
        (Algorithm::RS512, "RS512", &["kty", "n", "e"]),
        (Algorithm::PS256, "PS256", &["kty", "n", "e"]),
        (Algorithm::PS384, "PS384", &["kty", "n", "e"]),
        (Algorithm::PS512, "PS512", &["kty", "n", "e"]),
    ];

    fn verifies(token: &str, key: &SigningKey) -> bool {
        let (input, signature) = token.rsplit_once('.').unwrap();
        // Through the published JWK, as a verifier elsewhere would.
        let jwk: Jwk = serde_json::from_value(key.jwk().clone()).unwrap();
        let verifier = DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::crypto::verify(signature, input.as_bytes(), &verifier, key.algorithm()).unwrap()
    }

    #[test]
    fn keys_of_every_algorithm_verify_and_survive_their_file() {
        let dir = tempfile::tempdir().unwrap();
        for (algorithm, alg, members) in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let path = dir.path().join(alg);
            key.save(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{alg}");
            let loaded = SigningKey::load(&path).unwrap();
            assert_eq!(loaded.jwk(), key.jwk(), "{alg}");

            let token = loaded.sign(&json!({ "alg": alg }), &json!({ "sub": "alice" })).unwrap();
            assert!(verifies(&token, &key), "{alg}");
            assert!(!verifies(&token, &SigningKey::generate(algorithm).unwrap()), "{alg} verified with another key");

            let mut expected: Vec<_> = members.iter().chain(&["alg", "use", "kid"]).copied().collect();
            expected.sort_unstable();
            let mut found: Vec<_> = key.jwk().as_object().unwrap().keys().map(String::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{alg}");
            assert_eq!((key.alg(), key.jwk()["use"].as_str()), (alg, Some("sig")));
        }
    }

    #[test]
    fn the_header_is_exactly_the_one_given() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let token = key.sign(&json!({ "alg": "none", "kid": 7 }), &json!({})).unwrap();
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"alg":"none","kid":7}"#);
        let token = key.sign_raw(br#"{"alg":"ES256","alg":"ES256"}"#, b"not json").unwrap();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        assert_eq!(payload, b"not json");
        assert!(verifies(&token, &key));
    }

    #[test]
    fn a_kid_can_be_chosen_and_no_debug_output_holds_the_private_key() {
        let key = SigningKey::generate(Algorithm::EdDSA).unwrap().with_kid("one");
        assert_eq!((key.kid(), key.jwk()["kid"].as_str()), ("one", Some("one")));
        assert!(!format!("{key:?}").contains("pkcs8"));
    }

    #[test]
    fn symmetric_keys_other_files_and_overwriting_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(SigningKey::generate(Algorithm::HS256), Err(DevError::Algorithm { .. })));
        let path = dir.path().join("key");
        fs::write(&path, "{}").unwrap();
        assert!(matches!(SigningKey::load(&path), Err(DevError::KeyFile { .. })));
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        assert!(matches!(key.save(&path), Err(DevError::File { .. })));
    }
}
