//! An authority of a test's own: certificates as they should be, and as they should not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use super::plan::replace_file;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The leaf first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) pem: String,
    pub(crate) key_pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, new_key()).expect("a certificate"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// For clients and servers; the names are URIs, and `localhost`.
    pub(crate) fn issue(&self, uris: &[&str]) -> Identity {
        self.issue_with(uris, |_| ())
    }

    pub(crate) fn issue_with(&self, uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let params = leaf(uris, change);
        let key = new_key();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity::new(certificate.der(), &certificate.pem(), &key)
    }

    /// Signed by itself.
    pub(crate) fn nobody(uris: &[&str]) -> Identity {
        let key = new_key();
        let certificate = leaf(uris, |_| ()).self_signed(&key).expect("a certificate");
        Identity::new(certificate.der(), &certificate.pem(), &key)
    }

    /// What a client of this authority's servers says, and shows.
    pub(crate) fn client(&self, shows: Option<&Identity>) -> ClientConfig {
        self.client_of(&[&TLS13, &TLS12], shows)
    }

    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shows: Option<&Identity>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(hopgate::config::provider())
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(Arc::new(roots));
        let mut config = match shows {
            Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key()).expect("a pair"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    }
}

impl Identity {
    fn new(certificate: &CertificateDer<'static>, pem: &str, key: &KeyPair) -> Self {
        Self { chain: vec![certificate.clone()], pem: pem.to_owned(), key_pem: key.serialize_pem() }
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).expect("a key")
    }

    pub(crate) fn write(&self, certificate: &Path, key: &Path) {
        replace_file(certificate, &self.pem);
        replace_file(key, &self.key_pem);
    }

    /// As an authority, which it is not, it issues a certificate.
    pub(crate) fn issue(&self, uris: &[&str]) -> Identity {
        let own_key = KeyPair::from_pem(&self.key_pem).expect("a key");
        let issuer = rcgen::Issuer::new(params("leaf"), own_key);
        let key = new_key();
        let certificate = leaf(uris, |_| ()).signed_by(&key, &issuer).expect("a certificate");
        let mut identity = Self::new(certificate.der(), &certificate.pem(), &key);
        identity.chain.extend(self.chain.iter().cloned());
        identity
    }
}

fn leaf(uris: &[&str], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params("leaf");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("a URI"))).collect();
    params.subject_alt_names.push(SanType::DnsName("localhost".try_into().expect("a name")));
    change(&mut params);
    params
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    valid(&mut params, -3600, 3600);
    params
}

/// From and until these seconds from now.
pub(crate) fn valid(params: &mut CertificateParams, from: i64, until: i64) {
    let at = |seconds: i64| {
        let span = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { SystemTime::now() - span } else { SystemTime::now() + span }
    };
    (params.not_before, params.not_after) = (at(from).into(), at(until).into());
}

fn new_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key")
}
