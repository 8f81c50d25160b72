//! The webhook's own certificate, which whoever made it may replace while we run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::time::Instant;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::{self, ServerConfig};

/// Shortest time between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// Where the certificate (with its chain) and its key are, both PEM.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Error)]
pub enum CertificateError {
    #[error("`{}` can't be read: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` holds no PEM that can be used: {source}", .path.display())]
    Pem { path: PathBuf, source: pem::Error },
    #[error("the certificate can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The certificate in use. It is looked at when a connection comes, by what is in the files: a Secret is swapped by a
/// symbolic link, and of its two files one may be seen new and the other old.
#[derive(Debug)]
pub(super) struct Certificate {
    files: CertificateFiles,
    /// What was read last, good or not.
    seen: [Vec<u8>; 2],
    looked: Instant,
    config: Arc<ServerConfig>,
}

impl Certificate {
    pub(super) fn read(files: CertificateFiles) -> Result<Self, CertificateError> {
        let seen = files.read()?;
        let config = files.config(&seen)?;
        Ok(Self { files, seen, looked: Instant::now(), config })
    }

    /// What to serve a new connection with. What can't be used is said, and the last good one stays.
    pub(super) fn config(&mut self) -> Arc<ServerConfig> {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            match self.look() {
                Ok(true) => tracing::info!("the certificate has changed"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the changed certificate can't be used, the last one stays"),
            }
        }
        Arc::clone(&self.config)
    }

    fn look(&mut self) -> Result<bool, CertificateError> {
        let found = self.files.read()?;
        if found == self.seen {
            return Ok(false);
        }
        let config = self.files.config(&found);
        self.seen = found;
        self.config = config?;
        Ok(true)
    }
}

impl CertificateFiles {
    fn read(&self) -> Result<[Vec<u8>; 2], CertificateError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
        };
        Ok([read(&self.certificate)?, read(&self.key)?])
    }

    /// rustls refuses a key that is not the certificate's.
    fn config(&self, [certificate, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>, CertificateError> {
        let pem = |path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Pem { path, source }
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(pem(&self.certificate))?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(pem(&self.key))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
