//! Certificates and the list of clients, as they change.
//!
//! Files are looked at, not waited for: a Secret is replaced by moving a link, on file systems that
//! may send no event. A certificate and its key are two files, so a look can find the one new and
//! the other old. They are taken only when two looks have found the same and all of it is good;
//! else the last good ones serve on.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::rustls;

use super::Terms;
use crate::authz::SpiffeId;
use crate::config::{Fault, TlsDigest, TlsFiles, TlsMaterial};
use crate::live::Live;
use crate::metrics::Metrics;

const LOOK: Duration = Duration::from_millis(500);

/// Keeps the [`Terms`] equal to what is on disk and to the list of [`Live`].
pub(crate) struct Keeper {
    files: TlsFiles,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    terms: watch::Sender<Arc<Terms>>,
    seen: TlsDigest,
    refused: Option<Vec<Fault>>,
}

impl Keeper {
    /// With what was found when the configuration was read.
    ///
    /// # Errors
    /// No TLS can be spoken with it.
    pub(crate) fn new(
        files: TlsFiles,
        material: Arc<TlsMaterial>,
        live: Arc<Live>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, rustls::Error> {
        metrics.tls_certificates(true, material.not_after);
        let seen = material.digest;
        let terms = Terms::new(material, Arc::clone(&live.load().clients))?;
        Ok(Self { files, live, metrics, terms: watch::Sender::new(Arc::new(terms)), seen, refused: None })
    }

    pub(crate) fn terms(&self) -> watch::Receiver<Arc<Terms>> {
        self.terms.subscribe()
    }

    /// Runs until it is dropped.
    ///
    /// # Errors
    /// Reading the files panicked.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let mut turn = interval(LOOK);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            self.follow_clients();
            let files = self.files.clone();
            let look = spawn_blocking(move || files.look()).await.map_err(io::Error::other)?;
            let digest = look.digest();
            if digest != self.seen {
                self.seen = digest;
            } else if digest == self.terms.borrow().material.digest {
                self.keep();
            } else {
                // Judged anew at every look: a certificate may become good with time.
                let judged = spawn_blocking(move || look.material()).await.map_err(io::Error::other)?;
                match judged {
                    Ok(material) => self.take(material),
                    Err(faults) => self.refuse(faults),
                }
            }
        }
    }

    fn follow_clients(&self) {
        let clients = Arc::clone(&self.live.load().clients);
        let terms = Arc::clone(&self.terms.borrow());
        if terms.listed.clients != clients {
            tracing::info!(clients = clients.len(), "another list of clients is in force");
            self.put(Arc::clone(&terms.material), clients);
        }
    }

    fn take(&mut self, material: TlsMaterial) {
        self.refused = None;
        self.metrics.tls_certificates(true, material.not_after);
        tracing::info!(not_after = %material.not_after, "other certificates are in use");
        let clients = Arc::clone(&self.terms.borrow().listed.clients);
        self.put(Arc::new(material), clients);
    }

    fn keep(&mut self) {
        if self.refused.take().is_some() {
            self.metrics.tls_certificates(true, self.terms.borrow().material.not_after);
            tracing::info!("the certificates on disk are the ones in use again");
        }
    }

    fn refuse(&mut self, faults: Vec<Fault>) {
        if self.refused.as_ref() != Some(&faults) {
            for fault in &faults {
                tracing::error!(%fault, "the changed certificates are refused; the last good ones stay");
            }
            self.metrics.tls_certificates(false, self.terms.borrow().material.not_after);
            self.refused = Some(faults);
        }
    }

    fn put(&self, material: Arc<TlsMaterial>, clients: Arc<HashSet<SpiffeId>>) {
        match Terms::new(material, clients) {
            Ok(terms) => drop(self.terms.send_replace(Arc::new(terms))),
            // As at the start, where it went well.
            Err(error) => tracing::error!(%error, "no TLS can be spoken with what changed"),
        }
    }
}
