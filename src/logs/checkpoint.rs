//! Checkpoints read back: whether a key that is trusted signed them, and what they leave unsigned.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{DecodingKey, Validation};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::audit::{ALGORITHM, Claims, TYPE};

/// How much longer than promised a record may stay unsigned: the log may have been blocked.
const SLACK: Duration = Duration::from_secs(60);

/// Public keys whose checkpoints are believed.
#[derive(Clone)]
pub struct Keys(Vec<DecodingKey>);

/// Why a text holds no keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected public P-256 keys in PEM (`BEGIN PUBLIC KEY`), one at least")]
pub struct NoKeys;

/// Why a checkpoint is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// None of the keys signed it; the id of the one that it names.
    Signature { kid: Option<String> },
    /// It is no token of that kind.
    Form,
}

/// How far a chain is signed.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    until: Option<Claims>,
    /// Records since.
    pub unsigned: u64,
    /// Their first and last time.
    times: Option<(SystemTime, SystemTime)>,
}

impl Keys {
    /// # Errors
    /// `pem` holds none, or one that signs no checkpoint.
    pub fn from_pem(pem: &[u8]) -> Result<Self, NoKeys> {
        let keys = SubjectPublicKeyInfoDer::pem_slice_iter(pem)
            .map(|key| key.ok().and_then(|key| point(&key)).ok_or(NoKeys))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(NoKeys) } else { Ok(Self(keys)) }
    }

    /// These and `more`.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    pub(super) fn open(&self, token: &str) -> Result<Claims, Rejected> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Rejected::Form)?;
        if header.alg != ALGORITHM || header.typ.as_deref() != Some(TYPE) {
            return Err(Rejected::Form);
        }
        let mut wanted = Validation::new(ALGORITHM);
        // A checkpoint is for whoever reads it, and holds for ever.
        (wanted.validate_exp, wanted.validate_aud) = (false, false);
        wanted.required_spec_claims.clear();
        let signed = self.0.iter().find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &wanted).ok());
        signed.map(|token| token.claims).ok_or(Rejected::Signature { kid: header.kid })
    }
}

/// The key in a `SubjectPublicKeyInfo` (RFC 5480), if it is of P-256.
fn point(der: &SubjectPublicKeyInfoDer<'_>) -> Option<DecodingKey> {
    let (rest, key) = SubjectPublicKeyInfo::from_der(der).ok()?;
    let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let fits = rest.is_empty() && key.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == OID_EC_P256;
    fits.then(|| DecodingKey::from_ec_der(&key.subject_public_key.data))
}

impl Signed {
    pub(super) fn add(&mut self, time: Option<SystemTime>) {
        self.unsigned = self.unsigned.saturating_add(1);
        let Some(time) = time else { return };
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    pub(super) fn signed(&mut self, claims: Claims) {
        *self = Self { until: Some(claims), ..Self::default() };
    }

    /// When it was signed last, seconds since 1970, and whether its process ended with that.
    #[must_use]
    pub fn until(&self) -> Option<(i64, bool)> {
        self.until.as_ref().map(|claims| (claims.iat, claims.end && self.unsigned == 0))
    }

    /// Whether records follow a checkpoint that ended a process: the next one begins with a record and its checkpoint.
    pub(super) fn is_after_end(&self) -> bool {
        self.unsigned > 0 && self.until.as_ref().is_some_and(|claims| claims.end)
    }

    /// For how long records were written with none of them signed, where that is too long.
    pub(super) fn overdue(&self) -> Option<Duration> {
        let (first, last) = self.times?;
        let every = Duration::from_secs(self.until.as_ref()?.every);
        last.duration_since(first).ok().filter(|unsigned| *unsigned > every.saturating_add(SLACK))
    }
}
