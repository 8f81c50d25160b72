//! The replay store of one process: bounded, and never forgetting early.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ReplayStore;
use crate::authz::{Claim, ClaimKey, Claimed, UnixTime};
use crate::clock;

/// So many that a million claims are under a thousand a shard: walking or growing one takes tens of
/// microseconds, which is as long as a claim may have to wait. And no power of two: tables double at
/// 896 entries, so 1024 of them would all be half empty at the million that is the usual capacity.
const SHARDS: u64 = 1280;
/// How often expired claims are forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// Claims in memory. It knows nothing of what other replicas or an earlier process saw.
#[derive(Debug)]
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    /// Of a store's own, so that nobody can choose ids that meet in one shard.
    hasher: RandomState,
    /// Entries, counted before they go in, so that concurrent claims can't overfill the store.
    used: AtomicUsize,
    capacity: usize,
    /// Tokens issued at or before this instant may have been used unseen.
    remembers_from: Option<UnixTime>,
}

/// Key → the instant from which it may be forgotten.
type Shard = HashMap<ClaimKey, UnixTime>;

impl MemoryStore {
    /// A store of at most `capacity` claims. With `remembers_from`, tokens issued up to then are
    /// unprovable.
    #[must_use]
    pub fn new(capacity: usize, remembers_from: Option<UnixTime>) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            used: AtomicUsize::new(0),
            capacity,
            remembers_from,
        }
    }

    /// As [`ReplayStore::claim`]: nothing here has to be waited for.
    pub fn claim_now(&self, claim: &Claim, now: UnixTime) -> Claimed {
        // Whole seconds: a token of the very second in which the store began may be older than it.
        if self.remembers_from.is_some_and(|from| claim.issued_at <= from) {
            return Claimed::Unprovable;
        }
        // The shard is locked from look-up to insertion.
        let Some(mut shard) = self.shard(&claim.key) else { return Claimed::Unavailable };
        match shard.entry(claim.key) {
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

    /// Forgets what expired before `now`, one shard at a time, and lets others run in between.
    pub async fn sweep(&self, now: UnixTime) {
        for shard in &self.shards {
            self.sweep_shard(lock(shard), now);
            tokio::task::yield_now().await;
        }
    }

    fn sweep_shard(&self, mut shard: MutexGuard<'_, Shard>, now: UnixTime) {
        let before = shard.len();
        shard.retain(|_, until| *until > now);
        let forgotten = before.saturating_sub(shard.len());
        // Still locked: an entry is never gone from the count and yet in its shard.
        self.used.fetch_sub(forgotten, Ordering::AcqRel);
    }

    /// The shard of `key`, locked. There always is one.
    fn shard(&self, key: &ClaimKey) -> Option<MutexGuard<'_, Shard>> {
        let index = usize::try_from(self.hasher.hash_one(key).checked_rem(SHARDS)?).ok()?;
        self.shards.get(index).map(lock)
    }

    fn reserve(&self) -> bool {
        let grown = |used: usize| used.checked_add(1).filter(|next| *next <= self.capacity);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }
}

/// A panic elsewhere leaves no entry half made.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tonic::async_trait]
impl ReplayStore for MemoryStore {
    async fn claim(&self, claim: &Claim, now: UnixTime) -> Claimed {
        self.claim_now(claim, now)
    }

    async fn keep(&self) {
        let mut turn = tokio::time::interval(SWEEP);
        loop {
            turn.tick().await;
            self.sweep(clock::now()).await;
        }
    }

    fn entries(&self) -> Option<usize> {
        Some(self.used.load(Ordering::Acquire))
    }

    fn is_available(&self) -> bool {
        true
    }

    fn failures(&self) -> u64 {
        0
    }
}
