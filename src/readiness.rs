//! Whether to send calls here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::jwks::KeyKeeper;
use crate::live::Live;

/// Ready means: not draining, at least one issuer has keys, and at first also that every issuer
/// was asked once. One issuer that is down keeps nobody else's calls away; its own tokens are
/// answered 503. An issuer that a reload adds is waited for by nobody.
#[derive(Clone, Debug)]
pub struct Readiness {
    live: Arc<Live>,
    keys: Arc<KeyKeeper>,
    draining: Arc<AtomicBool>,
    started: Arc<AtomicBool>,
}

impl Readiness {
    #[must_use]
    pub fn new(live: Arc<Live>, keys: Arc<KeyKeeper>) -> Self {
        Self { live, keys, draining: Arc::default(), started: Arc::default() }
    }

    /// Unready from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// # Errors
    /// Why not, in a few words.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::Acquire) {
            return Err("draining");
        }
        if !self.started.load(Ordering::Acquire) && !self.keys.all_tried() {
            return Err("waiting for the first keys");
        }
        let state = self.live.load();
        if state.snapshot.issuers.values().all(|issuer| issuer.keys.is_none()) {
            return Err("no issuer has keys");
        }
        self.started.store(true, Ordering::Release);
        Ok(())
    }
}
