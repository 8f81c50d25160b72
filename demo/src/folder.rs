//! The files of one run: certificates, the issuer's key, and the hopgate configurations as they were served.

use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopgate::dev::certs::MeshCa;
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::SocketDir;
use testbed::envoy::{Identity, Mtls};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::Fault;
use crate::names::{TRUST_DOMAIN, Workload};

/// The files that `demo/config/invoices.yaml` names.
pub(crate) const BESIDE_INVOICES: [(&str, &str); 3] = [
    ("revoked.yaml", include_str!("../config/revoked.yaml")),
    ("invoices.cedar", include_str!("../config/invoices.cedar")),
    ("people.json", include_str!("../config/people.json")),
];

pub(crate) struct Folder {
    root: PathBuf,
    /// Unix sockets have paths of their own, because theirs may not be long.
    pub(crate) sockets: SocketDir,
    /// Removes `root` at the end, unless it is kept.
    _temporary: Option<TempDir>,
}

impl Folder {
    /// A folder that is gone with the run, or `.local/demo`, emptied first.
    pub(crate) fn make(keep: bool) -> Result<Self, Fault> {
        let sockets = SocketDir::new()?;
        let (root, temporary) = if keep {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(".local").join("demo");
            if root.exists() {
                fs::remove_dir_all(&root)?;
            }
            fs::create_dir_all(&root)?;
            (root, None)
        } else {
            let temporary = TempDir::with_prefix("hopgate-demo-")?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let folder = Self { root, sockets, _temporary: temporary };
        folder.write_certificates()?;
        for (name, text) in BESIDE_INVOICES {
            fs::write(folder.path(name), text)?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The CA that every workload of the mesh trusts.
    pub(crate) fn trust_bundle(&self) -> PathBuf {
        self.path("certs/ca.pem")
    }

    pub(crate) fn identity(&self, workload: Workload) -> Identity {
        self.identity_in("certs", workload)
    }

    /// The researcher's name, in a certificate of the mesh that is not the one it has: another pod of it.
    pub(crate) fn replica(&self) -> Identity {
        self.identity_in("replica", Workload::Researcher)
    }

    /// The planner's name, in a certificate that a CA of the same name, and not the mesh's, has signed.
    pub(crate) fn stranger(&self) -> Identity {
        self.identity_in("strangers", Workload::Planner)
    }

    /// Mutual TLS as `workload`, with any peer of the mesh.
    pub(crate) fn mtls(&self, workload: Workload) -> Mtls {
        Mtls::new(self.identity(workload), TRUST_DOMAIN, self.trust_bundle())
    }

    /// `x5t#S256` of a workload's certificate (RFC 8705 section 3.1).
    pub(crate) fn thumbprint(&self, workload: Workload) -> Result<String, Fault> {
        let certificate = CertificateDer::from_pem_file(self.identity(workload).certificate)?;
        Ok(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate)))
    }

    /// The revocation list of invoices, named as `demo/config/invoices.yaml` names it.
    pub(crate) fn revoked(&self) -> PathBuf {
        self.path("revoked.yaml")
    }

    /// Replaces the revocation list, at one stroke: nobody reads half of it.
    pub(crate) fn revoke(&self, entries: &[Value]) -> Result<(), Fault> {
        let new = self.path("revoked.yaml.new");
        fs::write(&new, json!({ "revoked": entries }).to_string())?;
        Ok(fs::rename(new, self.revoked())?)
    }

    fn identity_in(&self, dir: &str, workload: Workload) -> Identity {
        let file = |end| self.path(dir).join(format!("{}{end}", workload.name()));
        Identity { certificate: file(".pem"), key: file("-key.pem") }
    }

    fn write_certificates(&self) -> Result<(), Fault> {
        let mesh = MeshCa::generate(TRUST_DOMAIN)?;
        mesh.write(&self.path("certs"), &Workload::ALL.map(Workload::spiffe))?;
        mesh.write(&self.path("replica"), &[Workload::Researcher.spiffe()])?;
        MeshCa::generate(TRUST_DOMAIN)?.write(&self.path("strangers"), &[Workload::Planner.spiffe()])?;
        Ok(())
    }
}
