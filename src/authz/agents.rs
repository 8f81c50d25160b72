//! The agents an operator has introduced, and how a token names them.

use std::collections::HashMap;

use super::claims::Actor;
use super::spiffe::SpiffeId;

/// An agent of [`Agents`], by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AgentIndex(usize);

/// One agent: who it is in tokens and in the mesh, and how far it may ever reach.
#[derive(Clone, Debug)]
pub struct Agent {
    pub id: Box<str>,
    /// The issuer whose word on this agent is taken.
    pub issuer: Box<str>,
    /// The `act.iss` under which the issuer names it; the issuer itself where a token has none.
    pub act_issuer: Box<str>,
    /// Its `act.sub`, and its `client_id` where it calls without delegation.
    pub subject: Box<str>,
    pub spiffe: Option<SpiffeId>,
    pub ceiling: Ceiling,
}

/// The scopes an agent may ever use, whatever its tokens hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ceiling {
    Unlimited,
    /// Sorted.
    Scopes(Vec<Box<str>>),
}

impl Ceiling {
    #[must_use]
    pub fn allows(&self, scope: &str) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Scopes(scopes) => scopes.binary_search_by(|held| held.as_ref().cmp(scope)).is_ok(),
        }
    }
}

/// All agents, found by the name a token gives them. An actor that is not found is nobody.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    agents: Vec<Agent>,
    /// By subject first: most deployments have one issuer.
    by_subject: HashMap<Box<str>, Vec<AgentIndex>>,
}

impl Agents {
    #[must_use]
    pub fn new(agents: Vec<Agent>) -> Self {
        let mut by_subject: HashMap<Box<str>, Vec<AgentIndex>> = HashMap::new();
        for (index, agent) in agents.iter().enumerate() {
            by_subject.entry(agent.subject.clone()).or_default().push(AgentIndex(index));
        }
        Self { agents, by_subject }
    }

    #[must_use]
    pub fn get(&self, index: AgentIndex) -> Option<&Agent> {
        self.agents.get(index.0)
    }

    pub fn iter(&self) -> impl Iterator<Item = (AgentIndex, &Agent)> {
        self.agents.iter().enumerate().map(|(index, agent)| (AgentIndex(index), agent))
    }

    /// The agent that `actor` of a token by `token_issuer` is. The same `sub` under another
    /// issuer or another `act.iss` is somebody else.
    #[must_use]
    pub fn of_actor(&self, token_issuer: &str, actor: &Actor) -> Option<AgentIndex> {
        self.find(token_issuer, actor.issuer.as_deref().unwrap_or(token_issuer), &actor.subject)
    }

    /// The agent whose own client obtained a token, for tokens without delegation. A `client_id` is
    /// the issuer's own name, never one of another `act.iss`.
    #[must_use]
    pub fn of_client(&self, token_issuer: &str, client_id: &str) -> Option<AgentIndex> {
        self.find(token_issuer, token_issuer, client_id)
    }

    fn find(&self, issuer: &str, act_issuer: &str, subject: &str) -> Option<AgentIndex> {
        self.by_subject.get(subject)?.iter().copied().find(|index| {
            self.get(*index)
                .is_some_and(|agent| agent.issuer.as_ref() == issuer && agent.act_issuer.as_ref() == act_issuer)
        })
    }
}
