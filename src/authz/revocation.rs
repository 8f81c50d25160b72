//! Check 6: the kill switch. What the operator has stopped is refused, however good its token.

use std::collections::HashMap;
use std::sync::Arc;

use super::claims::Claims;
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
    /// An actor's `act.sub` anywhere in the chain, or the client of a token without one.
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

    /// Whether an entry stops the token of these claims.
    #[must_use]
    pub fn stop(&self, claims: &Claims) -> bool {
        if self.is_empty() {
            return false;
        }
        let stopped =
            |name: Named| self.named.get(&name).is_some_and(|entries| entries.iter().any(|e| e.stops(claims)));
        self.general.iter().any(|entry| entry.stops(claims))
            || claims.token_id.clone().is_some_and(|id| stopped(Named::TokenId(id)))
            || stopped(Named::Subject(claims.subject.clone()))
            || claims.client_id.clone().is_some_and(|id| stopped(Named::Client(id)))
            || acting(claims).any(|actor| stopped(Named::Actor(actor.into())))
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

    fn stops(&self, claims: &Claims) -> bool {
        let is = |wanted: &Option<Box<str>>, found: Option<&str>| match wanted {
            None => true,
            Some(wanted) => found == Some(wanted.as_ref()),
        };
        is(&self.issuer, Some(&claims.issuer))
            && is(&self.token_id, claims.token_id.as_deref())
            && is(&self.subject, Some(&claims.subject))
            && is(&self.client_id, claims.client_id.as_deref())
            && self.actor.as_deref().is_none_or(|wanted| acting(claims).any(|actor| actor == wanted))
            && self.issued_before.is_none_or(|instant| claims.issued_at.is_none_or(|at| at < instant))
    }
}

/// Everybody who had a hand in the call: the whole chain, and the client, which is the acting party
/// where no chain is.
fn acting(claims: &Claims) -> impl Iterator<Item = &str> {
    claims.act.actors().iter().map(|actor| actor.subject.as_ref()).chain(claims.client_id.as_deref())
}
