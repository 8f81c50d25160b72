//! Check 6: the kill switch. What the operator has stopped is refused, however good its token.

use std::collections::HashMap;
use std::sync::Arc;

use super::agents::Agents;
use super::claims::Claims;
use super::delegation::Chain;
use super::reason::Reason;
use super::time::UnixTime;

/// What is revoked; empty by default.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    /// Names the list this was made from; printed in every record. Empty without one.
    pub revision: Arc<str>,
    /// By the one name of each entry that is looked up first.
    named: HashMap<Named, Vec<Revocation>>,
    /// Entries that name nobody: all tokens of an issuer, or from before an instant.
    general: Vec<Revocation>,
}

/// One entry: a token that has everything that is written here is revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocation {
    pub issuer: Option<Box<str>>,
    pub token_id: Option<Box<str>>,
    pub subject: Option<Box<str>>,
    /// An actor anywhere in the chain, by its `act.sub` or its agent's `id`, or the client.
    pub actor: Option<Box<str>>,
    pub client_id: Option<Box<str>>,
    /// Tokens issued before this instant, and those that don't say when.
    pub issued_before: Option<UnixTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Named {
    TokenId(Box<str>),
    Subject(Box<str>),
    Actor(Box<str>),
    Client(Box<str>),
}

impl Revocations {
    #[must_use]
    pub fn new(revision: Arc<str>, entries: Vec<Revocation>) -> Self {
        let mut revocations = Self { revision, ..Self::default() };
        for entry in entries {
            match entry.name() {
                Some(name) => revocations.named.entry(name).or_default().push(entry),
                None => revocations.general.push(entry),
            }
        }
        revocations
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.named.values().map(Vec::len).sum::<usize>().saturating_add(self.general.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The issuers that entries name.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.named.values().flatten().chain(&self.general).filter_map(|entry| entry.issuer.as_deref())
    }

    /// Whether no entry stops the token of these claims.
    pub(super) fn check(&self, agents: &Agents, claims: &Claims, chain: &Chain) -> Result<(), Reason> {
        if self.is_empty() {
            return Ok(());
        }
        let acting = acting(agents, claims, chain);
        let stops = |entry: &Revocation| entry.stops(claims, &acting);
        let stopped = |name: Named| self.named.get(&name).is_some_and(|entries| entries.iter().any(stops));
        let revoked = self.general.iter().any(stops)
            || claims.token_id.clone().is_some_and(|id| stopped(Named::TokenId(id)))
            || stopped(Named::Subject(claims.subject.clone()))
            || claims.client_id.clone().is_some_and(|id| stopped(Named::Client(id)))
            || acting.iter().any(|actor| stopped(Named::Actor((*actor).into())));
        if revoked { Err(Reason::Revoked) } else { Ok(()) }
    }
}

impl Revocation {
    fn name(&self) -> Option<Named> {
        let named = |name: &Option<Box<str>>, kind: fn(Box<str>) -> Named| name.clone().map(kind);
        named(&self.token_id, Named::TokenId)
            .or_else(|| named(&self.subject, Named::Subject))
            .or_else(|| named(&self.actor, Named::Actor))
            .or_else(|| named(&self.client_id, Named::Client))
    }

    fn stops(&self, claims: &Claims, acting: &[&str]) -> bool {
        let is = |wanted: &Option<Box<str>>, found: Option<&str>| match wanted {
            None => true,
            Some(wanted) => found == Some(wanted.as_ref()),
        };
        is(&self.issuer, Some(&claims.issuer))
            && is(&self.token_id, claims.token_id.as_deref())
            && is(&self.subject, Some(&claims.subject))
            && is(&self.client_id, claims.client_id.as_deref())
            && self.actor.as_deref().is_none_or(|wanted| acting.contains(&wanted))
            && self.issued_before.is_none_or(|instant| claims.issued_at.is_none_or(|at| at < instant))
    }
}

/// Everybody who had a hand in the call, by every name they have: the whole chain, and the client,
/// which is the acting party where no chain is; as the token calls them, and as the operator does.
fn acting<'a>(agents: &'a Agents, claims: &'a Claims, chain: &Chain) -> Vec<&'a str> {
    let subjects = claims.act.actors().iter().map(|actor| actor.subject.as_ref());
    let client = claims.client_id.as_deref();
    let of_client = client.and_then(|client| agents.of_client(&claims.issuer, client));
    let known = chain.agents().iter().copied().flatten().chain(of_client);
    let ids = known.filter_map(|index| agents.get(index)).map(|agent| agent.id.as_ref());
    subjects.chain(client).chain(ids).collect()
}
