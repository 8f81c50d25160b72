//! The parts of the configuration that say how a sender proves itself: `dpop`,
//! `forwarded_client_cert`.

use std::fmt;
use std::time::Duration;

use super::faults::Faults;
use super::files::Files;
use super::issuers::{algorithm, at_most};
use super::written;
use crate::authz::{Algorithm, ForwardedCertificates, SpiffeId};

/// Bounds what must be remembered of proofs.
const MAX_PROOF_AGE: Duration = Duration::from_secs(5 * 60);
const MAX_NONCE_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// RFC 2104 section 3: a key shorter than the hash "would decrease the security strength".
const MIN_SECRET: usize = 32;

/// How DPoP proofs are judged. Fixed for the life of the process: what is remembered of proofs is
/// remembered for as long as these say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofSettings {
    pub algorithms: Vec<Algorithm>,
    pub max_age: Duration,
    pub clock_skew: Duration,
    pub require_nonce: bool,
    pub nonce_lifetime: Duration,
    /// `None`: the process makes its own.
    pub nonce_secret: Option<Secret>,
}

/// Bytes that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

pub(super) fn proofs(
    written: &written::Dpop,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> ProofSettings {
    let secret = written.nonce_key_file.as_ref().and_then(|file| files.read(file, "dpop.nonce_key_file", faults));
    if secret.as_ref().is_some_and(|secret| secret.len() < MIN_SECRET) {
        faults.add("dpop.nonce_key_file", format_args!("expected at least {MIN_SECRET} bytes"));
    }
    let max_age = at_most(written.max_age.0, MAX_PROOF_AGE, "dpop.max_age", faults);
    let nonce_lifetime = at_most(written.nonce_lifetime.0, MAX_NONCE_LIFETIME, "dpop.nonce_lifetime", faults);
    for (path, span) in [("dpop.max_age", max_age), ("dpop.nonce_lifetime", nonce_lifetime)] {
        if span < Duration::from_secs(1) {
            faults.add(path, "must be at least 1s");
        }
    }
    if written.algorithms.iter().any(|name| algorithm(*name).name().starts_with("RS")) {
        warnings.add("dpop.algorithms", "RSA proofs make requests large, and PKCS#1 v1.5 is a thing of the past");
    }
    ProofSettings {
        algorithms: written.algorithms.iter().copied().map(algorithm).collect(),
        max_age,
        clock_skew: at_most(written.clock_skew.0, MAX_PROOF_AGE, "dpop.clock_skew", faults),
        require_nonce: written.require_nonce,
        nonce_lifetime,
        nonce_secret: secret.map(Secret),
    }
}

pub(super) fn forwarded_certificates(
    written: &written::ForwardedClientCert,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> ForwardedCertificates {
    let mut trusted_hops = Vec::new();
    for (at, text) in written.trusted_hops.iter().enumerate() {
        match SpiffeId::parse(text) {
            Some(id) => trusted_hops.push(id),
            None => faults.add(
                format_args!("forwarded_client_cert.trusted_hops[{at}]"),
                format_args!(
                    "found `{text}`, expected a SPIFFE id such as `spiffe://cluster.local/ns/edge/sa/gateway`"
                ),
            ),
        }
    }
    if written.set_by_envoy {
        warnings.add(
            "forwarded_client_cert.set_by_envoy",
            "is true only with `forward_client_cert_details: SANITIZE_SET` or `APPEND_FORWARD` in Envoy; else any caller names its own certificate",
        );
    }
    ForwardedCertificates { set_by_envoy: written.set_by_envoy, trusted_hops }
}
