//! What kind of client calls: an agent, a person's own client, or a service.

use super::agents::Agents;
use super::claims::{Act, Claims};

/// Who is at the other end, as far as a token tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientType {
    /// Somebody acts for the subject (`act`), or the client is an introduced agent.
    Agent,
    /// A client that is no agent acts with a person's own token.
    User,
    /// The client acts for itself. RFC 9068 section 2.2: "In case of access tokens obtained through
    /// grants where no resource owner is involved, such as the client credentials grant, the value
    /// of `sub` SHOULD correspond to an identifier the authorization server uses to indicate the
    /// client application."
    Service,
}

impl ClientType {
    #[must_use]
    pub fn of(agents: &Agents, claims: &Claims) -> Self {
        let client = claims.client_id.as_deref();
        match &claims.act {
            // An unreadable chain is still a chain: somebody acts.
            Act::Chain(_) | Act::Malformed => Self::Agent,
            Act::Absent if client.and_then(|id| agents.of_client(&claims.issuer, id)).is_some() => Self::Agent,
            Act::Absent if client == Some(claims.subject.as_ref()) => Self::Service,
            Act::Absent => Self::User,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::User => "user",
            Self::Service => "service",
        }
    }
}
