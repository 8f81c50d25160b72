//! A mesh's certificates for a demo: one CA, and leaves with SPIFFE ids. **NOT FOR PRODUCTION.**

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};

use super::{DevError, files};

/// Certificates are valid from an hour ago, so that a machine whose clock is behind accepts them.
const BACKDATED: Duration = Duration::from_secs(60 * 60);
/// And until 30 days from now.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A CA for one SPIFFE trust domain. Its key is never written anywhere: it is gone with the process.
pub struct MeshCa {
    trust_domain: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A workload's certificate (an X.509-SVID) and key.
#[derive(Clone)]
pub struct Leaf {
    /// Its one URI SAN.
    pub spiffe_id: String,
    /// The leaf certificate, without the CA's.
    pub cert_pem: String,
    /// The private key, PKCS#8.
    pub key_pem: String,
}

/// Where a leaf was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafFiles {
    pub spiffe_id: String,
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl MeshCa {
    /// A new CA (P-256) for a trust domain such as `demo.local`.
    ///
    /// # Errors
    /// [`DevError::Spiffe`] when the name can't be a trust domain.
    pub fn generate(trust_domain: &str) -> Result<Self, DevError> {
        if !is_name(trust_domain, |c| c.is_ascii_lowercase()) {
            return Err(DevError::Spiffe {
                found: format!("spiffe://{trust_domain}"),
                expected: "a trust domain of lower-case letters, digits, `.`, `-` and `_`".to_owned(),
            });
        }
        let mut params = params(&format!("hopgate dev CA of {trust_domain} (not for production)"))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.subject_alt_names = vec![SanType::URI(format!("spiffe://{trust_domain}").try_into()?)];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)?;
        Ok(Self { trust_domain: trust_domain.to_owned(), issuer })
    }

    /// The CA's certificate: what a peer has to trust.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `spiffe_id`, for TLS clients and servers alike; also for `localhost` and 127.0.0.1.
    ///
    /// # Errors
    /// [`DevError::Spiffe`] when the id is malformed or of another trust domain.
    pub fn issue(&self, spiffe_id: &str) -> Result<Leaf, DevError> {
        self.segments(spiffe_id)?;
        let mut params = params(spiffe_id)?;
        params.is_ca = IsCa::ExplicitNoCa;
        // X.509-SVID section 2: exactly one URI SAN.
        params.subject_alt_names = vec![
            SanType::URI(spiffe_id.try_into()?),
            SanType::DnsName("localhost".try_into()?),
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        ];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let cert = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { spiffe_id: spiffe_id.to_owned(), cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }

    /// Issues and writes one certificate per id: `ca.pem`, and for an id that ends in `planner`, `planner.pem` and
    /// `planner-key.pem` (mode 0600). The directory is made if it is missing.
    ///
    /// # Errors
    /// A malformed id, two ids with one last segment, or a file that exists.
    pub fn write(&self, dir: &Path, spiffe_ids: &[String]) -> Result<Vec<LeafFiles>, DevError> {
        // Names first: a fault in the last id should leave no half-filled directory.
        let mut planned = Vec::new();
        let mut names = HashSet::from([dir.join("ca.pem")]);
        for spiffe_id in spiffe_ids {
            let name = self.segments(spiffe_id)?.last().copied().unwrap_or_default();
            let cert = dir.join(format!("{name}.pem"));
            let key = dir.join(format!("{name}-key.pem"));
            for path in [&cert, &key] {
                if !names.insert(path.clone()) {
                    return Err(DevError::SameFile(path.clone()));
                }
            }
            planned.push(LeafFiles { spiffe_id: spiffe_id.clone(), cert, key });
        }
        std::fs::create_dir_all(dir).map_err(|fault| DevError::File { path: dir.to_owned(), fault })?;
        files::write_public(&dir.join("ca.pem"), &self.ca_pem())?;
        for files in &planned {
            let leaf = self.issue(&files.spiffe_id)?;
            files::write_private(&files.key, &leaf.key_pem)?;
            files::write_public(&files.cert, &leaf.cert_pem)?;
        }
        Ok(planned)
    }

    /// The path segments of an id of this trust domain (SPIFFE-ID section 2): none empty, `.` or `..`.
    fn segments<'a>(&self, spiffe_id: &'a str) -> Result<Vec<&'a str>, DevError> {
        let prefix = format!("spiffe://{}/", self.trust_domain);
        let segments: Option<Vec<&str>> = spiffe_id.strip_prefix(&prefix).map(|path| path.split('/').collect());
        match segments {
            Some(segments)
                if segments.iter().all(|s| is_name(s, |c| c.is_ascii_alphabetic()) && !matches!(*s, "." | "..")) =>
            {
                Ok(segments)
            }
            _ => Err(DevError::Spiffe {
                found: spiffe_id.to_owned(),
                expected: format!("{prefix} and segments of letters, digits, `.`, `-` and `_`"),
            }),
        }
    }
}

/// Only the names, never the key.
impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leaf").field("spiffe_id", &self.spiffe_id).finish_non_exhaustive()
    }
}

fn params(common_name: &str) -> Result<CertificateParams, DevError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = SystemTime::now();
    params.not_before = now.checked_sub(BACKDATED).unwrap_or(now).into();
    params.not_after = now.checked_add(LIFETIME).unwrap_or(now).into();
    Ok(params)
}

fn is_name(text: &str, is_letter: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(|c| is_letter(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use x509_parser::{extensions::GeneralName, pem::parse_x509_pem};

    use super::*;

    const PLANNER: &str = "spiffe://demo.local/ns/agents/sa/planner";

    #[test]
    fn a_leaf_has_one_spiffe_uri_and_serves_both_ends() {
        let ca = MeshCa::generate("demo.local").unwrap();
        let (_, pem) = parse_x509_pem(ca.issue(PLANNER).unwrap().cert_pem.as_bytes()).unwrap();
        let leaf = pem.parse_x509().unwrap();
        let (_, pem) = parse_x509_pem(ca.ca_pem().as_bytes()).unwrap();
        let root = pem.parse_x509().unwrap();

        assert_eq!(leaf.issuer(), root.subject());
        assert!(root.is_ca() && !leaf.is_ca());
        assert!(leaf.validity().is_valid());
        let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(
            *names,
            [GeneralName::URI(PLANNER), GeneralName::DNSName("localhost"), GeneralName::IPAddress(&[127, 0, 0, 1])]
        );
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && usage.client_auth);
    }

    #[test]
    fn ids_of_another_trust_domain_and_malformed_ones_are_refused() {
        let ca = MeshCa::generate("demo.local").unwrap();
        for id in [
            "spiffe://other.local/a",
            "spiffe://demo.local",
            "spiffe://demo.local/",
            "spiffe://demo.local/a/",
            "spiffe://demo.local/a//b",
            "spiffe://demo.local/../a",
            "spiffe://demo.local/a%2Fb",
            "spiffe://demo.local/a?b",
            "spiffe://demo.local.evil/a",
            "https://demo.local/a",
            "",
        ] {
            assert!(matches!(ca.issue(id), Err(DevError::Spiffe { .. })), "{id}");
        }
        for domain in ["", "Demo.local", "demo.local/x", "demo local"] {
            assert!(MeshCa::generate(domain).is_err(), "{domain}");
        }
    }

    #[test]
    fn files_are_written_and_keys_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("certs");
        let ca = MeshCa::generate("demo.local").unwrap();
        let written = ca.write(&out, &[PLANNER.to_owned()]).unwrap();
        let files = written.first().unwrap();
        assert_eq!((files.cert.clone(), files.key.clone()), (out.join("planner.pem"), out.join("planner-key.pem")));
        assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(out.join("ca.pem")).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(KeyPair::from_pem(&fs::read_to_string(&files.key).unwrap()).is_ok());
    }

    #[test]
    fn two_ids_never_share_a_file() {
        let ca = MeshCa::generate("demo.local").unwrap();
        let dir = tempfile::tempdir().unwrap();
        for ids in [
            ["spiffe://demo.local/a/x", "spiffe://demo.local/b/x"],
            ["spiffe://demo.local/ca", "spiffe://demo.local/x"],
            ["spiffe://demo.local/x", "spiffe://demo.local/x-key"],
        ] {
            let ids = ids.map(str::to_owned);
            assert!(matches!(ca.write(dir.path(), &ids), Err(DevError::SameFile(_))), "{ids:?}");
            assert!(!dir.path().join("ca.pem").exists());
        }
    }
}
