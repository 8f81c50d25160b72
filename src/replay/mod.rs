//! Remembering which single-use tokens were used.

mod memory;

use crate::authz::{Claim, Claimed, UnixTime};

pub use memory::MemoryStore;

/// A store of claims.
///
/// The contract, held for every implementation by one battery of tests:
/// - of any number of concurrent claims of one key, exactly one is [`Claimed::Fresh`];
/// - a claim is remembered at least until its `until`, whatever else is claimed meanwhile;
/// - what can't be remembered is not fresh: a full store says [`Claimed::Full`];
/// - a token issued before the store began to remember is [`Claimed::Unprovable`], unless the
///   operator accepts such tokens.
#[tonic::async_trait]
pub trait ReplayStore: Send + Sync + std::fmt::Debug {
    /// Claims `claim.key` at the instant `now`.
    async fn claim(&self, claim: &Claim, now: UnixTime) -> Claimed;

    /// Claims remembered, expired ones that were not swept yet included.
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what expired before `now`.
    fn sweep(&self, now: UnixTime);
}
