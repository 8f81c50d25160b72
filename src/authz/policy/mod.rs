//! Check 13: the operator's policies, in Cedar.
//!
//! Coarse scopes are in the token; what depends on the request is here. Cedar itself skips a policy
//! that fails to evaluate; here that refuses the call, as a rule that forbids may be the one that
//! failed.

mod compile;
mod context;
mod schema;

use std::collections::HashSet;
use std::fmt;

use cedar_policy::{
    Authorizer, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request, Schema,
};

pub use self::compile::{PolicyFault, PolicySources};
pub use self::schema::{PolicySchema, SchemaError};
use super::parameters::Argument;
use super::reason::Reason;
use super::snapshot::Services;

pub(super) use self::context::Call;

/// A compiled policy set: valid against the schema, ready to be asked.
pub struct Policies {
    authorizer: Authorizer,
    set: PolicySet,
    entities: Entities,
    schema: Schema,
    types: Types,
    claims: Vec<Argument>,
    /// Whether people and clients are called by issuer and name, as there are several issuers.
    qualified: bool,
}

/// The entity types of the schema.
struct Types {
    action: EntityTypeName,
    agent: EntityTypeName,
    client: EntityTypeName,
    group: EntityTypeName,
    service: EntityTypeName,
    user: EntityTypeName,
}

/// What the policies say to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The policies that decided: those that forbid, else those that permit, else those that failed.
    pub policies: Vec<Box<str>>,
    /// Why one could not be evaluated: for `explain`, as it may repeat what the call says.
    pub failure: Option<Box<str>>,
}

impl Judgement {
    /// That of two that both permit.
    pub(super) fn join(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.policies.sort_unstable();
        self.policies.dedup();
        self.failure = other.failure.or(self.failure.take());
    }
}

impl Policies {
    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.num_of_policies()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// What each policy is called, in records too.
    pub fn ids(&self) -> impl Iterator<Item = String> {
        self.set.policies().map(|policy| AsRef::<str>::as_ref(policy.id()).to_owned())
    }

    /// Judges one call.
    pub(super) fn judge(&self, call: &Call<'_>) -> (Judgement, Result<(), Reason>) {
        match self.request(call) {
            Ok(request) => self.answer(&request),
            Err(failure) => {
                let judgement = Judgement { policies: Vec::new(), failure: Some(failure.into()) };
                (judgement, Err(Reason::PolicyFailed))
            }
        }
    }

    fn answer(&self, request: &Request) -> (Judgement, Result<(), Reason>) {
        let response = self.authorizer.is_authorized(request, &self.set, &self.entities);
        let diagnostics = response.diagnostics();
        let names = |ids: &mut dyn Iterator<Item = &PolicyId>| {
            let mut names: Vec<Box<str>> = ids.map(|id| AsRef::<str>::as_ref(id).into()).collect();
            names.sort_unstable();
            names
        };
        let mut errors = diagnostics.errors().peekable();
        if let Some(first) = errors.peek() {
            let failure = Some(first.to_string().into());
            let mut ids: Vec<Box<str>> = errors
                .map(|error| match error {
                    cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                        AsRef::<str>::as_ref(error.policy_id()).into()
                    }
                })
                .collect();
            ids.sort_unstable();
            return (Judgement { policies: ids, failure }, Err(Reason::PolicyFailed));
        }
        let judgement = Judgement { policies: names(&mut diagnostics.reason()), failure: None };
        match response.decision() {
            Decision::Allow => (judgement, Ok(())),
            Decision::Deny => (judgement, Err(Reason::PolicyDenied)),
        }
    }
}

impl Types {
    fn new() -> Option<Self> {
        let name = |text: &str| text.parse::<EntityTypeName>().ok();
        Some(Self {
            action: name("Action")?,
            agent: name("Agent")?,
            client: name("Client")?,
            group: name("Group")?,
            service: name("Service")?,
            user: name("User")?,
        })
    }

    /// What is wrong with a name that the configuration would have to know, and does not: a policy about
    /// it would never apply.
    fn unheard(
        &self,
        uid: &EntityUid,
        agents: &[Box<str>],
        services: &Services,
        entities: &Entities,
    ) -> Option<&'static str> {
        let (kind, id) = (uid.type_name(), uid.id().unescaped());
        if *kind == self.agent && agents.iter().all(|agent| agent.as_ref() != id) {
            return Some("which is none of `agents`");
        }
        if *kind == self.service && services.iter().all(|service| service.name.as_ref() != id) {
            return Some("which is none of `services`");
        }
        let known =
            || entities.get(uid).is_some() || entities.iter().any(|entity| entities.is_ancestor_of(uid, &entity.uid()));
        (*kind == self.group && !known()).then_some("which is a group that no entity is or is in")
    }

    /// Whether `uid` names a person or client without saying whose, where two may have one name.
    fn is_unclear(&self, uid: &EntityUid, issuers: &[Box<str>]) -> bool {
        let id: &str = uid.id().unescaped();
        let of_issuer =
            issuers.iter().any(|issuer| id.strip_prefix(issuer.as_ref()).is_some_and(|rest| rest.starts_with('#')));
        (*uid.type_name() == self.user || *uid.type_name() == self.client) && !of_issuer
    }
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

impl fmt::Debug for Policies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: HashSet<String> = self.set.policies().map(|policy| policy.id().to_string()).collect();
        f.debug_struct("Policies")
            .field("policies", &ids)
            .field("entities", &self.entities.len())
            .finish_non_exhaustive()
    }
}
