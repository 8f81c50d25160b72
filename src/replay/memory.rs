//! The replay store of one process: bounded, and never forgetting early.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::ReplayStore;
use crate::authz::{Claim, ClaimKey, Claimed, UnixTime};
use crate::clock;

/// So many that a million claims are about a thousand a shard: walking or growing one takes tens of
/// microseconds, which is as long as a claim may have to wait.
const SHARDS: usize = 1024;
/// How often expired claims are forgotten.
const SWEEP: Duration = Duration::from_secs(1);

/// Claims in memory. It knows nothing of what other replicas or an earlier process saw.
#[derive(Debug)]
pub struct MemoryStore {
    claims: Arc<Claims>,
    capacity: usize,
    /// What was issued at or before this instant may have been used unseen.
    remembers_from: Option<UnixTime>,
}

#[derive(Debug)]
struct Claims {
    /// The map's hasher has a random key of its own, so nobody can choose ids that meet in one shard.
    map: DashMap<Id, Until>,
    /// Entries, counted before they go in, so that concurrent claims can't overfill the store.
    used: AtomicUsize,
}

/// The front of a claim's key. 96 bits of a digest tell a million claims apart but for one chance in
/// 10^17, which would refuse a call; and the four bytes are what makes a million of them fit.
type Id = [u8; 12];

fn id(key: &ClaimKey) -> Id {
    let mut id = Id::default();
    for (to, from) in id.iter_mut().zip(key) {
        *to = *from;
    }
    id
}

/// The instant from which a claim may be forgotten, in seconds since 1970, in four bytes. What lies beyond 2106 is kept for ever; what is before 1970 was
/// never acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
struct Until(u32);

impl Until {
    const NEVER: Self = Self(u32::MAX);

    fn of(instant: UnixTime) -> Self {
        Self(u32::try_from(instant.as_secs().max(0)).unwrap_or(Self::NEVER.0))
    }

    fn is_past(self, now: UnixTime) -> bool {
        self != Self::NEVER && i64::from(self.0) <= now.as_secs()
    }
}

impl MemoryStore {
    /// A store of at most `capacity` claims. With `remembers_from`, what was issued up to then is
    /// unprovable.
    #[must_use]
    pub fn new(capacity: usize, remembers_from: Option<UnixTime>) -> Self {
        let claims = Claims { map: DashMap::with_shard_amount(SHARDS), used: AtomicUsize::new(0) };
        Self { claims: Arc::new(claims), capacity, remembers_from }
    }

    /// As [`ReplayStore::claim`]: nothing here has to be waited for.
    #[must_use]
    pub fn claim_now(&self, claim: &Claim, now: UnixTime) -> Claimed {
        // Whole seconds: a token of the very second in which the store began may be older than it.
        if self.remembers_from.is_some_and(|from| claim.issued_at <= from) {
            return Claimed::Unprovable;
        }
        // The entry holds its shard's lock from look-up to insertion.
        match self.claims.map.entry(id(&claim.key)) {
            Entry::Occupied(mut known) if known.get().is_past(now) => {
                known.insert(Until::of(claim.until));
                Claimed::Fresh
            }
            Entry::Occupied(_) => Claimed::Used,
            Entry::Vacant(_) if !self.reserve() => Claimed::Full,
            Entry::Vacant(free) => {
                free.insert(Until::of(claim.until));
                Claimed::Fresh
            }
        }
    }

    /// Forgets what expired before `now`, on a thread for such work: the walk locks one shard after
    /// the other, and takes no turn of those who answer.
    pub async fn sweep(&self, now: UnixTime) {
        let claims = Arc::clone(&self.claims);
        let walk = tokio::task::spawn_blocking(move || claims.forget(now));
        if walk.await.is_err() {
            tracing::error!("forgetting expired claims failed; they are kept until the next turn");
        }
    }

    fn reserve(&self) -> bool {
        let grown = |used: usize| used.checked_add(1).filter(|next| *next <= self.capacity);
        self.claims.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok()
    }
}

impl Claims {
    fn forget(&self, now: UnixTime) {
        if self.used.load(Ordering::Acquire) == 0 {
            return;
        }
        self.map.retain(|_, until| {
            let past = until.is_past(now);
            if past {
                self.used.fetch_sub(1, Ordering::AcqRel);
            }
            !past
        });
    }
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
        Some(self.claims.used.load(Ordering::Acquire))
    }

    fn is_available(&self) -> bool {
        true
    }

    fn failures(&self) -> u64 {
        0
    }
}
