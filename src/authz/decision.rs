//! What comes out of the core: how far each check got, what was established, and the outcome.

use std::sync::Arc;

use super::claims::Claims;
use super::reason::{Check, Reason};
use super::snapshot::{Mode, Route, Service};
use super::spiffe::SpiffeId;
use super::time::UnixTime;
use super::verified::VerifiedToken;

/// The result of [`super::evaluate`].
#[derive(Debug)]
pub struct Evaluation {
    pub findings: Findings,
    pub trail: Trail,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    Refused(Reason),
    /// Everything passes, if the token's single use can be claimed.
    MustClaim(Pending),
    Permitted(Permit),
}

/// Leave to answer "allow". It can't be made outside this module, so an allow can only be earned
/// by passing every check.
#[derive(Debug)]
#[must_use]
pub struct Permit(());

impl Permit {
    pub(super) fn earned() -> Self {
        Self(())
    }
}

/// A permit that still hangs on one claim.
#[derive(Debug)]
pub struct Pending {
    pub claim: Claim,
}

/// A token id to be claimed once at one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub key: ClaimKey,
    /// The earliest instant of our clock at which it can have been issued.
    pub issued_at: UnixTime,
    /// From then on the token is refused as expired, whatever clock skew is configured by then, so
    /// the claim may be forgotten.
    pub until: UnixTime,
}

/// Digest of service, issuer and token id.
pub type ClaimKey = [u8; 16];

/// What a replay store says to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    Fresh,
    /// Somebody was first.
    Used,
    /// The token is older than the store's memory.
    Unprovable,
    Full,
    /// The store can't be asked, or did not answer in time; it may have noted the claim.
    Unavailable,
}

impl Pending {
    /// Turns the store's answer into the outcome and notes it in the trail.
    ///
    /// # Errors
    /// The reason for refusing, unless the claim was fresh.
    pub fn settle(self, claimed: Claimed, trail: &mut Trail) -> Result<Permit, Reason> {
        let verdict = match claimed {
            Claimed::Fresh => Ok(()),
            Claimed::Used => Err(Reason::TokenReplayed),
            Claimed::Unprovable => Err(Reason::TokenPredatesStore),
            Claimed::Full => Err(Reason::ReplayStoreFull),
            Claimed::Unavailable => Err(Reason::ReplayStoreUnavailable),
        };
        trail.note(Check::Replay, Mode::Enforce, verdict)?;
        Ok(Permit::earned())
    }
}

/// What is known about the call by the time it was decided.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub service: Option<Arc<Service>>,
    pub route: Option<Arc<Route>>,
    pub peer: Option<SpiffeId>,
    pub token: TokenSeen,
}

#[derive(Clone, Debug, Default)]
pub enum TokenSeen {
    #[default]
    None,
    /// What a token says that could not be verified: the caller's word.
    Claimed(Arc<Claims>),
    Verified(Arc<VerifiedToken>),
}

impl TokenSeen {
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        match self {
            Self::None => None,
            Self::Claimed(claims) => Some(claims),
            Self::Verified(token) => Some(token.claims()),
        }
    }

    #[must_use]
    pub fn verified(&self) -> Option<&VerifiedToken> {
        match self {
            Self::None | Self::Claimed(_) => None,
            Self::Verified(token) => Some(token),
        }
    }
}

/// The verdict of each check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail([Verdict; Check::ALL.len()]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// An earlier check refused.
    NotReached,
    /// Nothing is asked of it on this route.
    NotAsked,
    Passed,
    /// Refused, and only observed.
    WouldRefuse(Reason),
    Refused(Reason),
}

impl Default for Trail {
    fn default() -> Self {
        Self([Verdict::NotReached; Check::ALL.len()])
    }
}

impl Trail {
    /// Notes what `check` found; a refusal that is only observed lets the walk go on.
    pub(super) fn note(&mut self, check: Check, mode: Mode, result: Result<(), Reason>) -> Result<(), Reason> {
        let verdict = match (result, mode) {
            (Ok(()), _) => Verdict::Passed,
            (Err(reason), Mode::Observe) => Verdict::WouldRefuse(reason),
            (Err(reason), Mode::Enforce) => Verdict::Refused(reason),
        };
        self.set(check, verdict);
        match verdict {
            Verdict::Refused(reason) => Err(reason),
            Verdict::Passed | Verdict::WouldRefuse(_) | Verdict::NotAsked | Verdict::NotReached => Ok(()),
        }
    }

    pub(super) fn set(&mut self, check: Check, verdict: Verdict) {
        if let Some(slot) = self.0.get_mut(check as usize) {
            *slot = verdict;
        }
    }

    /// Every check with its verdict, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Check, Verdict)> {
        Check::ALL.into_iter().zip(self.0)
    }

    /// What would have refused the call, were it enforced.
    pub fn would_refuse(&self) -> impl Iterator<Item = Reason> {
        self.0.into_iter().filter_map(|verdict| match verdict {
            Verdict::WouldRefuse(reason) => Some(reason),
            Verdict::NotReached | Verdict::NotAsked | Verdict::Passed | Verdict::Refused(_) => None,
        })
    }
}
