//! Signed words about how far a chain of records has come (JWS, RFC 7515).

use std::fmt;
use std::io;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::{hkdf, hmac};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;

use super::chain::Head;
use crate::clock;

/// `typ` of a checkpoint: what was signed for something else is none.
pub(crate) const TYPE: &str = "hopgate-checkpoint+jwt";

/// What the secret that seals states is for.
const SEAL: &[u8] = b"hopgate audit state";

/// The one algorithm of checkpoints.
pub(crate) const ALGORITHM: Algorithm = Algorithm::ES256;

/// The private key that signs checkpoints. Keys are equal if their public halves are.
#[derive(Clone)]
pub struct CheckpointKey {
    /// Its RFC 7638 thumbprint.
    kid: String,
    signer: EncodingKey,
    /// Made of the private key, for what only its holder may have written.
    seal: hmac::Key,
}

/// Why a text holds no key for checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("holds no private P-256 key in PKCS#8 PEM")]
pub struct NoCheckpointKey;

/// When checkpoints are due.
#[derive(Debug)]
pub struct Checkpoints {
    key: CheckpointKey,
    every: Duration,
    /// `None` where nothing is unsigned.
    due: Option<Instant>,
    first: bool,
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// When it was signed, seconds since 1970.
    pub(crate) iat: i64,
    /// Of the line before it.
    pub(crate) seq: u64,
    /// Of the line before it; it holds all lines before that one.
    pub(crate) hash: String,
    /// After a later record the next checkpoint is due in so many seconds.
    pub(crate) every: u64,
    /// Whether the process ended here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) end: bool,
}

impl CheckpointKey {
    /// # Errors
    /// `pem` holds no unencrypted P-256 key in PKCS#8.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NoCheckpointKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| NoCheckpointKey)?;
        let signer = EncodingKey::from_ec_der(der.secret_pkcs8_der());
        let jwk = Jwk::from_encoding_key(&signer, ALGORITHM).map_err(|_| NoCheckpointKey)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| NoCheckpointKey)?;
        // HKDF (RFC 5869), so that the seal tells nothing of the key.
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, SEAL).extract(der.secret_pkcs8_der());
        let seal = secret.expand(&[SEAL], hmac::HMAC_SHA256).map_err(|_| NoCheckpointKey)?;
        Ok(Self { kid, signer, seal: seal.into() })
    }

    pub(super) fn seal(&self) -> hmac::Key {
        self.seal.clone()
    }
}

impl PartialEq for CheckpointKey {
    fn eq(&self, other: &Self) -> bool {
        self.kid == other.kid
    }
}

impl Eq for CheckpointKey {}

/// Never the private key.
impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl Checkpoints {
    /// The first is due with the first line: a chain that has none of its process was never signed.
    #[must_use]
    pub fn new(key: CheckpointKey, every: Duration) -> Self {
        Self { key, every, due: None, first: true }
    }

    /// Lines were written.
    pub(super) fn wrote(&mut self, now: Instant) {
        let wait = if self.first { Duration::ZERO } else { self.every };
        self.due = self.due.or_else(|| now.checked_add(wait));
    }

    /// How long nothing is due; `None`: until something is written.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(now))
    }

    /// The checkpoint of what `head` ends, as an object that is to be the next line.
    pub(super) fn sign(&mut self, head: &Head, end: bool) -> io::Result<Vec<u8>> {
        let now = SystemTime::now();
        let claims = Claims {
            iat: clock::unix(now).as_secs(),
            seq: head.seq,
            hash: head.hash.clone(),
            every: self.every.as_secs(),
            end,
        };
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(self.key.kid.clone());
        let token = jsonwebtoken::encode(&header, &claims, &self.key.signer).map_err(io::Error::other)?;
        (self.due, self.first) = (None, false);
        let time = humantime::format_rfc3339_millis(now).to_string();
        Ok(serde_json::to_vec(&json!({ "checkpoint": token, "time": time }))?)
    }

    /// Whether lines wait for a checkpoint.
    pub(super) fn is_due_at_the_end(&self) -> bool {
        self.due.is_some() || !self.first
    }
}
