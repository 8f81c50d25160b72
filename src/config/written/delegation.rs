//! What is asked of the chain of actors, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What is asked of the chain of actors. On a route, what is left out is taken from the service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Most actors in a chain, inclusive; 0 forbids delegation. Default 4.
    #[serde(default)]
    #[schemars(range(max = 32))]
    pub max_depth: Option<u8>,
    /// Refuse tokens without `act`. Default: true where `actors` or `pairs` is written, else false.
    #[serde(default)]
    pub require_actor: Option<bool>,
    /// `spiffe`: the acting agent must be the mTLS peer. Default `none`.
    #[serde(default)]
    pub bind_caller: Option<BindCaller>,
    /// Agents that may be the current actor. Default: every agent of this file.
    #[serde(default)]
    pub actors: Option<Vec<String>>,
    /// Agents that may be prior actors. Default: as `actors`.
    #[serde(default)]
    pub prior_actors: Option<Vec<String>>,
    /// Take prior actors as mere information, as RFC 8693 section 4.1 does: unknown ones pass.
    #[serde(default)]
    pub unrestricted_prior_actors: Option<bool>,
    /// The only pairs of subject and current actor that are allowed. Default: all.
    #[serde(default)]
    pub pairs: Option<Vec<Pair>>,
}

impl Delegation {
    /// What this says, and where it says nothing, what `below` says.
    pub(crate) fn over(&self, below: &Self) -> Self {
        Self {
            max_depth: self.max_depth.or(below.max_depth),
            require_actor: self.require_actor.or(below.require_actor),
            bind_caller: self.bind_caller.or(below.bind_caller),
            actors: self.actors.as_ref().or(below.actors.as_ref()).cloned(),
            prior_actors: self.prior_actors.as_ref().or(below.prior_actors.as_ref()).cloned(),
            unrestricted_prior_actors: self.unrestricted_prior_actors.or(below.unrestricted_prior_actors),
            pairs: self.pairs.as_ref().or(below.pairs.as_ref()).cloned(),
        }
    }
}

/// A person and the agent that may act for them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// A `sub`, or `*` for any.
    pub subject: String,
    /// An agent of this file.
    pub actor: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindCaller {
    #[default]
    None,
    Spiffe,
}
