//! Who acts for whom: the chain of actors, and the agent that calls.
//!
//! RFC 8693 section 4.1 gives a nested `act` no say: "nested `act` claims ... are not to be
//! considered in access control decisions". hopgate departs from the letter in one direction
//! only. A prior actor never grants anything; the operator's own limits (depth, who may have been
//! there, cycles) can only turn an allow into a deny. The reasons are set out in ARCHITECTURE.md.

use super::agents::{AgentIndex, Agents};
use super::claims::{Act, Claims};
use super::client_type::ClientType;
use super::reason::Reason;
use super::rule::Rule;
use super::snapshot::Service;
use super::spiffe::SpiffeId;

/// What a route asks of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Most `act` objects a token may nest; inclusive. 0 forbids delegation.
    pub max_depth: usize,
    pub require_actor: bool,
    /// Who may be the current actor.
    pub actors: Allowed,
    /// Who may be a prior actor.
    pub prior_actors: PriorActors,
    /// The only (subject, current actor) pairs allowed, where the operator lists them.
    pub pairs: Option<Vec<Pair>>,
    pub bind_caller: BindCaller,
}

/// Agents named one by one, or all that are introduced; never somebody unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    AnyAgent,
    These(Vec<AgentIndex>),
}

impl Allowed {
    fn holds(&self, agent: AgentIndex) -> bool {
        match self {
            Self::AnyAgent => true,
            Self::These(agents) => agents.contains(&agent),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PriorActors {
    /// RFC 8693's own position: prior actors are information. Unknown ones pass and narrow nothing.
    Unrestricted,
    Only(Allowed),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub subject: PairSubject,
    pub actor: AgentIndex,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairSubject {
    Any,
    Is(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindCaller {
    No,
    /// The peer's SPIFFE id must be that of the acting agent.
    Spiffe,
}

/// The agents of a token's chain, current first; `None` where an actor is no agent we know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain(Vec<Option<AgentIndex>>);

impl Chain {
    pub(super) fn of(agents: &Agents, claims: &Claims) -> Self {
        Self(claims.act.actors().iter().map(|actor| agents.of_actor(&claims.issuer, actor)).collect())
    }

    pub(super) fn agents(&self) -> &[Option<AgentIndex>] {
        &self.0
    }
}

/// Check 7.
pub(super) fn check(rule: &Delegation, service: &Service, claims: &Claims, chain: &Chain) -> Result<(), Reason> {
    let actors = match &claims.act {
        Act::Malformed => return Err(Reason::ActMalformed),
        Act::Absent if rule.require_actor => return Err(Reason::ActorRequired),
        Act::Absent => return Ok(()),
        Act::Chain(actors) => actors,
    };
    if actors.len() > rule.max_depth {
        return Err(Reason::DepthExceeded);
    }
    let Some((current, prior)) = chain.0.split_first() else {
        return Err(Reason::ActMalformed);
    };
    let Some(current) = current.filter(|agent| rule.actors.holds(*agent)) else {
        return Err(Reason::ActorNotAllowed);
    };
    if let PriorActors::Only(allowed) = &rule.prior_actors
        && !prior.iter().all(|agent| agent.is_some_and(|agent| allowed.holds(agent)))
    {
        return Err(Reason::PriorActorNotAllowed);
    }
    // Compared as the token names them, so that two unknown actors of one name are a cycle too.
    let repeated = actors.iter().enumerate().any(|(at, actor)| {
        actors
            .iter()
            .skip(at.saturating_add(1))
            .any(|other| other.subject == actor.subject && named_issuer(other, claims) == named_issuer(actor, claims))
    });
    if repeated {
        return Err(Reason::ActorRepeated);
    }
    if service.agent.is_some() && chain.0.contains(&service.agent) {
        return Err(Reason::ServiceInChain);
    }
    match &rule.pairs {
        Some(pairs) if !pairs.iter().any(|pair| pair.actor == current && pair.subject.is(&claims.subject)) => {
            Err(Reason::PairNotAllowed)
        }
        Some(_) | None => Ok(()),
    }
}

/// The kind of client is one that the rule names.
pub(super) fn check_client(rule: &Rule, client: ClientType) -> Result<(), Reason> {
    let allowed = rule.client_types.as_ref().is_none_or(|types| types.contains(&client));
    if allowed { Ok(()) } else { Err(Reason::ClientTypeNotAllowed) }
}

fn named_issuer<'a>(actor: &'a super::claims::Actor, claims: &'a Claims) -> &'a str {
    actor.issuer.as_deref().unwrap_or(&claims.issuer)
}

impl PairSubject {
    fn is(&self, subject: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Is(name) => name.as_ref() == subject,
        }
    }
}

/// Check 8: the workload at the other end of the mTLS connection is the acting agent, so a token
/// taken from one agent is worthless to another.
///
/// Without delegation the acting party is the client that obtained the token. That infers no
/// delegation; it only asks the client to be who it says.
pub(super) fn check_caller(
    agents: &Agents,
    claims: &Claims,
    chain: &Chain,
    peer: Option<&SpiffeId>,
) -> Result<(), Reason> {
    let peer = peer.ok_or(Reason::PeerUnknown)?;
    let acting = match &claims.act {
        Act::Malformed => None,
        Act::Chain(_) => chain.0.first().copied().flatten(),
        Act::Absent => claims.client_id.as_deref().and_then(|client| agents.of_client(&claims.issuer, client)),
    };
    let agent = acting.and_then(|index| agents.get(index)).ok_or(Reason::CallerUnbound)?;
    match &agent.spiffe {
        None => Err(Reason::CallerUnbound),
        Some(id) if id == peer => Ok(()),
        Some(_) => Err(Reason::CallerNotActor),
    }
}
