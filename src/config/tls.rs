//! The `tls` section of the configuration, and what its files hold.
//!
//! Where the files are is fixed for the life of the process. What they hold is not: certificates are
//! replaced while it runs, apart from the configuration, so a bad pair must not keep a changed
//! configuration, which may take a client away, from being taken.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, InconsistentKeys, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::faults::{Fault, Faults};
use super::files::{Files, read_bounded};
use super::settings::Listen;
use super::written;
use crate::authz::{SpiffeId, UnixTime};
use crate::clock;

const CERTIFICATE: &str = "tls.certificate_file";
const KEY: &str = "tls.key_file";
const CLIENT_CA: &str = "tls.client_ca_file";

/// What is served over TLS with, beside where its files are.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// Who may ask.
    pub clients: Arc<HashSet<SpiffeId>>,
    /// What the files held when the configuration was read.
    pub material: Result<Arc<TlsMaterial>, Vec<Fault>>,
}

/// Where the certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub client_ca: PathBuf,
}

/// What the files held at one look, good or not.
#[derive(Debug)]
pub struct TlsLook {
    certificate: Result<Vec<u8>, String>,
    key: Result<Vec<u8>, String>,
    client_ca: Result<Vec<u8>, String>,
}

/// A certificate with its key, and what tells whether a client's is good.
#[derive(Debug)]
pub struct TlsMaterial {
    pub certified: Arc<CertifiedKey>,
    /// When the server's certificate ends.
    pub not_after: UnixTime,
    /// Verifies a client's chain; who the client is, it does not ask.
    pub client_ca: Arc<dyn ClientCertVerifier>,
    /// Of the files this was made from.
    pub digest: TlsDigest,
}

/// SHA-256 over the files.
pub type TlsDigest = [u8; 32];

/// The cryptography of every TLS connection that is served.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(crypto::aws_lc_rs::default_provider())
}

impl TlsFiles {
    #[must_use]
    pub fn look(&self) -> TlsLook {
        let read =
            |file: &Path| read_bounded(file).map_err(|error| format!("can't read `{}`: {error}", file.display()));
        TlsLook { certificate: read(&self.certificate), key: read(&self.key), client_ca: read(&self.client_ca) }
    }
}

impl TlsLook {
    #[must_use]
    pub fn digest(&self) -> TlsDigest {
        let mut hash = digest::Context::new(&digest::SHA256);
        for found in [&self.certificate, &self.key, &self.client_ca] {
            let (kind, bytes) = match found {
                Ok(bytes) => (0, bytes.as_slice()),
                Err(message) => (1, message.as_bytes()),
            };
            hash.update(&[kind]);
            hash.update(&(bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let mut digest = TlsDigest::default();
        digest.copy_from_slice(hash.finish().as_ref());
        digest
    }

    /// Everything, if all of it is good now.
    ///
    /// # Errors
    /// Every fault found. None of them shows a key.
    pub fn material(&self) -> Result<TlsMaterial, Vec<Fault>> {
        let mut faults = Faults::default();
        let chain = part(&self.certificate, CERTIFICATE, &mut faults).and_then(|pem| chain(pem, &mut faults));
        let key = part(&self.key, KEY, &mut faults).and_then(|pem| key(pem, &mut faults));
        let client_ca = part(&self.client_ca, CLIENT_CA, &mut faults).and_then(|pem| client_ca(pem, &mut faults));
        let certified =
            chain.zip(key).and_then(|((chain, not_after), key)| Some((certified(chain, key, &mut faults)?, not_after)));
        match (certified, client_ca) {
            (Some((certified, not_after)), Some(client_ca)) => {
                Ok(TlsMaterial { certified: Arc::new(certified), not_after, client_ca, digest: self.digest() })
            }
            _ => Err(faults.into_vec()),
        }
    }
}

pub(super) fn build(
    written: &written::Tls,
    files: &TlsFiles,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> TlsSettings {
    let mut clients = HashSet::new();
    for (at, text) in written.clients.iter().enumerate() {
        let path = format!("tls.clients[{at}]");
        match SpiffeId::parse(text) {
            // X509-SVID section 2: the id of a trust domain alone is for its authorities.
            Some(id) if id.names_a_workload() => {
                if !clients.insert(id) {
                    faults.add(path, format_args!("`{text}` is listed twice"));
                }
            }
            Some(_) => faults.add(path, format_args!("found `{text}`, expected a workload in this trust domain")),
            None => faults.add(
                path,
                format_args!("found `{text}`, expected a whole SPIFFE id such as `spiffe://cluster.local/ns/edge/sa/gateway`; there are no patterns"),
            ),
        }
    }
    let domains: HashSet<_> = clients.iter().map(SpiffeId::trust_domain).collect();
    if domains.len() > 1 {
        warnings.add(
            "tls.clients",
            "are of several trust domains: each authority of `client_ca_file` is believed about all of them",
        );
    }
    TlsSettings { clients: Arc::new(clients), material: files.look().material().map(Arc::new) }
}

/// An address as something to listen on.
pub(super) fn listen(
    address: SocketAddr,
    written: Option<&written::Tls>,
    files: &Files<'_>,
    faults: &mut Faults,
) -> Option<Listen> {
    let Some(tls) = written else {
        if address.ip().is_loopback() {
            return Some(Listen::Loopback(address));
        }
        // Whoever reaches the check port could use up single-use tokens or probe the rules.
        faults.add(
            "listen",
            format_args!(
                "found `{address}`, expected a Unix socket or a loopback address; beyond loopback write `tls` with `certificate_file`, `key_file`, `client_ca_file` and `clients`"
            ),
        );
        return None;
    };
    let tls = TlsFiles {
        certificate: files.path_of(&tls.certificate_file),
        key: files.path_of(&tls.key_file),
        client_ca: files.path_of(&tls.client_ca_file),
    };
    Some(Listen::Tcp { address, tls })
}

fn part<'a>(found: &'a Result<Vec<u8>, String>, path: &str, faults: &mut Faults) -> Option<&'a [u8]> {
    found.as_deref().map_err(|message| faults.add(path, message)).ok()
}

/// The certificates in `pem`, or a fault at `path`.
fn certificates(pem: &[u8], path: &str, faults: &mut Faults) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Some(found),
        Ok(_) => {
            faults.add(path, "holds no PEM certificate");
            None
        }
        Err(_) => {
            faults.add(path, "is not whole PEM");
            None
        }
    }
}

fn parse<'a>(certificate: &'a CertificateDer<'_>, path: &str, faults: &mut Faults) -> Option<X509Certificate<'a>> {
    let Ok(([], parsed)) = X509Certificate::from_der(certificate) else {
        faults.add(path, "holds a certificate that can't be read");
        return None;
    };
    Some(parsed)
}

/// The server's chain and when its certificate ends.
fn chain(pem: &[u8], faults: &mut Faults) -> Option<(Vec<CertificateDer<'static>>, UnixTime)> {
    let chain = certificates(pem, CERTIFICATE, faults)?;
    let leaf = parse(chain.first()?, CERTIFICATE, faults)?;
    let (begins, ends) = (leaf.validity().not_before.timestamp(), leaf.validity().not_after.timestamp());
    let now = clock::now().as_secs();
    if now > ends {
        faults.add(
            CERTIFICATE,
            format_args!("has expired: its first certificate was good until {}", leaf.validity().not_after),
        );
        return None;
    }
    if now < begins {
        faults.add(
            CERTIFICATE,
            format_args!("is not good yet: its first certificate is from {}", leaf.validity().not_before),
        );
        return None;
    }
    Some((chain, UnixTime::from_secs(ends)))
}

fn key(pem: &[u8], faults: &mut Faults) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| faults.add(KEY, "holds no PEM private key")).ok()
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    faults: &mut Faults,
) -> Option<CertifiedKey> {
    match CertifiedKey::from_der(chain, key, &provider()) {
        Ok(certified) => Some(certified),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            faults.add(KEY, "is not the key of the first certificate in `certificate_file`");
            None
        }
        Err(error) => {
            faults.add(KEY, format_args!("can't be used with `certificate_file`: {error}"));
            None
        }
    }
}

/// RFC 5280 section 6.1.1: a trust anchor is trusted because it is handed in, however old it is.
fn client_ca(pem: &[u8], faults: &mut Faults) -> Option<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, CLIENT_CA, faults)? {
        if !parse(&certificate, CLIENT_CA, faults)?.is_ca() {
            faults.add(CLIENT_CA, "holds a certificate that is no authority's");
            return None;
        }
        if let Err(error) = roots.add(certificate) {
            faults.add(CLIENT_CA, format_args!("holds a certificate that can't be used: {error}"));
            return None;
        }
    }
    match WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build() {
        Ok(verifier) => Some(verifier),
        Err(error) => {
            faults.add(CLIENT_CA, format_args!("can't be used: {error}"));
            None
        }
    }
}
