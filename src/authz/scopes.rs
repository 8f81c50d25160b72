//! Check 10: the token holds every scope the call needs, and no agent that had a hand in the
//! call is asked to reach above its ceiling.

use super::agents::Agents;
use super::claims::{Act, Claims};
use super::delegation::{Chain, PriorActors};
use super::reason::Reason;
use super::rule::Rule;

pub(super) fn check(rule: &Rule, agents: &Agents, claims: &Claims, chain: &Chain) -> Result<(), Reason> {
    let held = |scope: &str| claims.scopes.binary_search_by(|held| held.as_ref().cmp(scope)).is_ok();
    if !rule.scopes.iter().all(|scope| held(scope)) {
        return Err(Reason::ScopeMissing);
    }
    if rule.scopes.iter().all(|scope| below_every_ceiling(rule, agents, claims, chain, scope)) {
        Ok(())
    } else {
        Err(Reason::ScopeAboveCeiling)
    }
}

/// The scopes of the token that somebody in the chain may never use: no service is to be told of them.
pub(super) fn above(rule: &Rule, agents: &Agents, claims: &Claims, chain: &Chain) -> Vec<Box<str>> {
    let above = claims.scopes.iter().filter(|scope| !below_every_ceiling(rule, agents, claims, chain, scope));
    above.cloned().collect()
}

fn below_every_ceiling(rule: &Rule, agents: &Agents, claims: &Claims, chain: &Chain, scope: &str) -> bool {
    let allows = |index| agents.get(index).is_some_and(|agent| agent.ceiling.allows(scope));
    match &claims.act {
        // An unreadable chain was refused before; were it not, it could hold anyone, and so it holds
        // the agent that may do nothing.
        Act::Malformed => false,
        Act::Absent => match claims.client_id.as_deref().and_then(|id| agents.of_client(&claims.issuer, id)) {
            Some(index) => allows(index),
            None => true,
        },
        Act::Chain(_) => chain.agents().iter().enumerate().all(|(at, agent)| match agent {
            Some(index) => allows(*index),
            None => at > 0 && rule.delegation.prior_actors == PriorActors::Unrestricted,
        }),
    }
}
