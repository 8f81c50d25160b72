//! What comes out of the core: how far each check got, what was established, and the outcome.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;

use super::claims::Claims;
use super::client_type::ClientType;
use super::credential::Scheme;
use super::json::Object;
use super::policy::Judgement;
use super::protocol::Operation;
use super::reason::{Check, Reason};
use super::route::Route;
use super::rule::Rule;
use super::snapshot::{Mode, Service};
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
    /// Everything passes, if what may be used once can be claimed: [`Evaluation::next_claim`].
    MustClaim(Pending),
    Permitted(Permit),
    /// The call asks for the service's metadata, which is public: hopgate answers it, and it never
    /// reaches the service.
    Described,
}

impl Evaluation {
    /// What is to be claimed before the outcome is known.
    #[must_use]
    pub fn next_claim(&self) -> Option<&Claim> {
        match &self.outcome {
            Outcome::MustClaim(pending) => Some(&pending.first),
            Outcome::Refused(_) | Outcome::Permitted(_) | Outcome::Described => None,
        }
    }

    /// Takes the store's answer to [`Evaluation::next_claim`].
    #[must_use]
    pub fn settled(mut self, claimed: Claimed) -> Self {
        let Outcome::MustClaim(Pending { first, by, then, nonce }) = self.outcome else { return self };
        let verdict = first.refusal(claimed).map_or(Ok(()), Err);
        let mode = if by == Check::Replay { Mode::Enforce } else { Mode::Observe };
        self.outcome = match (self.trail.note(by, mode, verdict), then) {
            (Err(reason), _) => {
                self.findings.nonce = nonce;
                Outcome::Refused(reason)
            }
            (Ok(()), Some(next)) => Outcome::MustClaim(Pending::token(next)),
            (Ok(()), None) => {
                if by != Check::Replay {
                    self.trail.set(Check::Replay, Verdict::NotAsked);
                }
                Outcome::Permitted(Permit::earned())
            }
        };
        self
    }

    /// Refuses after all, for a reason outside the checks.
    #[must_use]
    pub fn refused(mut self, reason: Reason) -> Self {
        self.outcome = Outcome::Refused(reason);
        self
    }
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

/// A permit that still hangs on one or two claims: the proof's first, so that a proof used twice
/// does not use up the token.
#[derive(Debug)]
pub struct Pending {
    first: Claim,
    /// Where it is noted: check 14, or the observed check 9, to whose proof it belongs.
    by: Check,
    then: Option<Claim>,
    /// For a proof that can't be shown to be unused: with it, the next one can.
    nonce: Option<Box<str>>,
}

/// What may be used once at one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub key: ClaimKey,
    pub kind: Claimable,
    /// The earliest instant of our clock at which it can have been issued.
    pub issued_at: UnixTime,
    /// From then on it is refused as expired, whatever is configured by then, so the claim may be
    /// forgotten.
    pub until: UnixTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimable {
    /// A DPoP proof (RFC 9449 section 11.1).
    Proof,
    /// A single-use token.
    Token,
}

/// How much longer a claim is kept than what it is on can be accepted: a call is judged by the time
/// it came, and a store forgets by the time it is then.
const SLACK: Duration = Duration::from_secs(10);

/// Digest of the kind, where the id counts, whoever gave it, and the id.
pub type ClaimKey = [u8; 16];

impl Claim {
    /// The claim on `id` as `giver` gave it, at `place`.
    pub(super) fn new(
        kind: Claimable,
        place: &str,
        giver: &[u8],
        id: &str,
        issued_at: UnixTime,
        until: UnixTime,
    ) -> Self {
        let kind_name: &[u8] = match kind {
            Claimable::Proof => b"proof",
            Claimable::Token => b"token",
        };
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in [kind_name, place.as_bytes(), giver, id.as_bytes()] {
            // Lengths in front, so that no two of them run together into one text.
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut key = ClaimKey::default();
        for (to, from) in key.iter_mut().zip(hash.finish().as_ref()) {
            *to = *from;
        }
        Self { key, kind, issued_at, until: until.after(SLACK) }
    }

    fn refusal(&self, claimed: Claimed) -> Option<Reason> {
        match (claimed, self.kind) {
            (Claimed::Fresh, _) => None,
            (Claimed::Used, Claimable::Token) => Some(Reason::TokenReplayed),
            (Claimed::Used, Claimable::Proof) => Some(Reason::ProofReplayed),
            (Claimed::Unprovable, Claimable::Token) => Some(Reason::TokenPredatesStore),
            (Claimed::Unprovable, Claimable::Proof) => Some(Reason::ProofPredatesStore),
            (Claimed::Full, _) => Some(Reason::ReplayStoreFull),
            (Claimed::Unavailable, _) => Some(Reason::ReplayStoreUnavailable),
        }
    }
}

/// What a replay store says to a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    Fresh,
    /// Somebody was first.
    Used,
    /// It is older than the store's memory.
    Unprovable,
    Full,
    /// The store gave no answer, or not in time.
    Unavailable,
}

impl Pending {
    /// `None` without a claim. `mode` is that of the check which looked at the proof: only observed, a proof is used up
    /// as well, which says who would be refused, and holds it when that is enforced.
    pub(super) fn of(proof: Option<Claim>, mode: Mode, token: Option<Claim>, nonce: Option<Box<str>>) -> Option<Self> {
        let by = match mode {
            Mode::Enforce => Check::Replay,
            Mode::Observe => Check::Sender,
        };
        match (proof, token) {
            (Some(first), then) => Some(Self { first, by, then, nonce }),
            (None, token) => token.map(Self::token),
        }
    }

    fn token(first: Claim) -> Self {
        Self { first, by: Check::Replay, then: None, nonce: None }
    }
}

/// What is known about the call by the time it was decided.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub service: Option<Arc<Service>>,
    pub route: Option<Arc<Route>>,
    /// What the call asks for behind the route, as far as it could be read.
    pub operation: Option<Operation>,
    /// What is asked of it.
    pub rule: Option<Arc<Rule>>,
    pub peer: Option<SpiffeId>,
    /// The scheme that the request names.
    pub scheme: Option<Scheme>,
    pub token: TokenSeen,
    /// Of a verified token.
    pub client_type: Option<ClientType>,
    /// Scopes of the token that an agent with a hand in the call may never use.
    pub scopes_above: Vec<Box<str>>,
    /// What is to be approved, where that is asked for and missing.
    pub approval: Option<Object>,
    pub judgement: Judgement,
    /// The nonce that the next proof is to have.
    pub nonce: Option<Box<str>>,
}

impl Findings {
    /// The scopes that the call needs; before it is known what it asks for, those of its route.
    #[must_use]
    pub fn scopes_required(&self) -> &[Box<str>] {
        match (&self.rule, &self.route) {
            (Some(rule), _) => &rule.scopes,
            (None, Some(route)) => route.speaks.scopes(),
            (None, None) => &[],
        }
    }
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

    /// Marks `checks` as asking nothing.
    pub(super) fn skip(&mut self, checks: std::ops::RangeInclusive<Check>) {
        for at in *checks.start() as usize..=*checks.end() as usize {
            if let Some(slot) = self.0.get_mut(at) {
                *slot = Verdict::NotAsked;
            }
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
