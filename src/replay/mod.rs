//! Remembering which single-use tokens were used.

mod memory;
mod redis;

use crate::authz::{Claim, Claimed, UnixTime};

pub use memory::MemoryStore;
pub use redis::RedisStore;

/// A store of claims.
///
/// The contract, held for every implementation by one battery of tests:
/// - of any number of concurrent claims of one key, exactly one is [`Claimed::Fresh`];
/// - a claim is remembered at least until its `until`, whatever else is claimed meanwhile;
/// - what can't be remembered is not fresh: a full store says [`Claimed::Full`], one that can't be
///   asked, or doesn't answer in time, [`Claimed::Unavailable`];
/// - a token issued before the store began to remember is [`Claimed::Unprovable`], unless the
///   operator accepts such tokens;
/// - a claim whose future is dropped may have been made: it is never fresh to anybody else.
#[tonic::async_trait]
pub trait ReplayStore: Send + Sync + std::fmt::Debug {
    /// Claims `claim.key` at the instant `now`.
    async fn claim(&self, claim: &Claim, now: UnixTime) -> Claimed;

    /// Does what the store needs besides (forgetting what expired, keeping a connection), for as
    /// long as it is polled.
    async fn keep(&self);

    /// Claims remembered, expired ones that were not forgotten yet included; `None` where somebody
    /// else holds them.
    fn entries(&self) -> Option<usize>;

    /// Whether claims can be made now, as far as is known.
    fn is_available(&self) -> bool;

    /// Claims answered [`Claimed::Unavailable`] so far.
    fn failures(&self) -> u64;
}
