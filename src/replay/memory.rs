//! The replay store of one process: bounded, and never forgetting early.

use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::ReplayStore;
use crate::authz::{Claim, ClaimKey, Claimed, UnixTime};

/// Claims in memory. It knows nothing of what other replicas or an earlier process saw.
#[derive(Debug)]
pub struct MemoryStore {
    /// Key → the instant from which it may be forgotten.
    claims: DashMap<ClaimKey, UnixTime>,
    /// Entries, counted before they go in, so that concurrent claims can't overfill the store.
    used: AtomicUsize,
    capacity: usize,
    /// Tokens issued at or before this instant may have been used unseen.
    remembers_from: Option<UnixTime>,
}

impl MemoryStore {
    /// A store of at most `capacity` claims. With `remembers_from`, tokens issued up to then are
    /// unprovable.
    #[must_use]
    pub fn new(capacity: usize, remembers_from: Option<UnixTime>) -> Self {
        Self { claims: DashMap::new(), used: AtomicUsize::new(0), capacity, remembers_from }
    }

    fn reserve(&self) -> bool {
        let grown = |used: usize| used.checked_add(1).filter(|next| *next <= self.capacity);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }
}

#[tonic::async_trait]
impl ReplayStore for MemoryStore {
    async fn claim(&self, claim: &Claim, now: UnixTime) -> Claimed {
        // Whole seconds: a token of the very second in which the store began may be older than it.
        if self.remembers_from.is_some_and(|from| claim.issued_at <= from) {
            return Claimed::Unprovable;
        }
        // The entry holds its shard's lock from look-up to insertion.
        match self.claims.entry(claim.key) {
            Entry::Occupied(mut known) if *known.get() <= now => {
                known.insert(claim.until);
                Claimed::Fresh
            }
            Entry::Occupied(_) => Claimed::Used,
            Entry::Vacant(_) if !self.reserve() => Claimed::Full,
            Entry::Vacant(free) => {
                free.insert(claim.until);
                Claimed::Fresh
            }
        }
    }

    fn len(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    fn sweep(&self, now: UnixTime) {
        // One shard at a time is locked, so a claim waits for a fraction of the walk.
        self.claims.retain(|_, until| {
            let live = *until > now;
            if !live {
                self.used.fetch_sub(1, Ordering::AcqRel);
            }
            live
        });
    }
}
