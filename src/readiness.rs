//! Whether to send calls here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::jwks::KeyKeeper;
use crate::live::Live;

/// Ready means: not draining, every issuer was asked once, and at least one has keys. One issuer
/// that is down keeps nobody else's calls away; its own tokens are answered 503.
#[derive(Clone, Debug)]
pub struct Readiness {
    pub live: Arc<Live>,
    pub keys: Arc<KeyKeeper>,
    pub draining: Arc<AtomicBool>,
}

impl Readiness {
    /// # Errors
    /// Why not, in a few words.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::Acquire) {
            return Err("draining");
        }
        if !self.keys.all_tried() {
            return Err("waiting for the first keys");
        }
        let state = self.live.load();
        if state.snapshot.issuers.values().any(|issuer| issuer.keys.is_some()) {
            Ok(())
        } else {
            Err("no issuer has keys")
        }
    }
}
