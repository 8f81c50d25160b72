use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};
use testbed::envoy::{Identity, Mtls};

/// One trust domain: its CA, and workloads of it, as PEM files in `dir`.
pub(crate) struct TrustDomain<'a> {
    name: &'a str,
    dir: &'a Path,
    issuer: Issuer<'static, KeyPair>,
}

impl<'a> TrustDomain<'a> {
    pub(crate) fn new(name: &'a str, dir: &'a Path) -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.subject_alt_names = vec![uri(format!("spiffe://{name}"))];
        let key = KeyPair::generate().expect("a key");
        let ca = params.self_signed(&key).expect("a CA");
        fs::write(dir.join(format!("{name}.ca.pem")), ca.pem()).expect("a file");
        let issuer = Issuer::new(params, key);
        Self { name, dir, issuer }
    }

    pub(crate) fn spiffe(&self, workload: &str) -> String {
        format!("spiffe://{}/{workload}", self.name)
    }

    /// Mutual TLS as `workload`, for peers of the same trust domain.
    pub(crate) fn mtls(&self, workload: &str) -> Mtls {
        Mtls::new(self.identity(workload), self.name, self.bundle())
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.dir.join(format!("{}.ca.pem", self.name))
    }

    pub(crate) fn identity(&self, workload: &str) -> Identity {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.subject_alt_names = vec![uri(self.spiffe(workload))];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.issuer).expect("a leaf");
        let path = |end| self.dir.join(format!("{}.{workload}.{end}", self.name));
        let identity = Identity { certificate: path("pem"), key: path("key") };
        fs::write(&identity.certificate, leaf.pem()).expect("a file");
        fs::write(&identity.key, key.serialize_pem()).expect("a file");
        identity
    }
}

fn uri(text: String) -> SanType {
    SanType::URI(text.try_into().expect("ASCII"))
}
