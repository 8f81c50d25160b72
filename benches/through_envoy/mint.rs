//! A throw-away ES256 issuer: one key, its JWKS, and any number of distinct tokens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

pub(crate) const ISSUER: &str = "https://issuer.bench.local";
pub(crate) const AUDIENCE: &str = "https://invoices.bench.local";

/// Within hopgate's `max_lifetime` and longer than any bench.
const LIFETIME_SECONDS: u64 = 600;

pub(crate) struct Issuer {
    key: EncodingKey,
    /// The JWKS as JSON text.
    pub(crate) jwks: String,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("our own key");
        // SEC 1 2.3.3: 0x04, then x and y of 32 bytes each.
        let (x, y) = pair.public_key().as_ref().split_at(33);
        let x = URL_SAFE_NO_PAD.encode(x.split_at(1).1);
        let y = URL_SAFE_NO_PAD.encode(y);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "bench", "x": x, "y": y,
        });
        Self { key: EncodingKey::from_ec_der(pkcs8.as_ref()), jwks: json!({ "keys": [jwk] }).to_string() }
    }

    /// An access token (RFC 9068) of alice for `audience`, held by researcher, which planner called (RFC 8693 4.1).
    pub(crate) fn token(&self, audience: &str, id: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("bench".to_owned());
        let claims = json!({
            "iss": ISSUER, "aud": audience, "sub": "alice", "client_id": "researcher", "jti": id,
            "iat": now, "exp": now + LIFETIME_SECONDS, "scope": "invoices:read",
            "act": { "sub": "researcher", "act": { "sub": "planner" } },
        });
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a token")
    }

    /// Writes `count` distinct tokens for [`AUDIENCE`], one a line.
    pub(crate) fn write(&self, file: &Path, name: &str, count: usize) {
        let mut file = BufWriter::new(File::create(file).expect("a file"));
        for index in 0..count {
            let token = self.token(AUDIENCE, &format!("{name}-{index}"));
            writeln!(file, "{token}").expect("room on the disk");
        }
    }
}
