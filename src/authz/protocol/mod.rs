//! What a call asks for, by the protocol that it speaks: its operation, read strictly and once.
//!
//! A rule about `POST /mcp` says nothing. What counts is in the body, and the service behind us
//! reads that too; so whatever could be read in two ways is refused, and what is not known is not
//! allowed. The headers that repeat parts of a body only ever refuse.

pub mod a2a;
mod body;
mod json_rpc;
pub mod mcp;

use std::sync::Arc;

pub use self::a2a::A2a;
pub use self::json_rpc::RequestId;
pub use self::mcp::Mcp;
use super::json::Object;
use super::path::CanonicalPath;
use super::reason::Reason;
use super::request::Request;
use super::rule::Rule;

/// The protocol of a route, and its rules.
#[derive(Clone, Debug)]
pub enum Speaks {
    /// Open to everybody, without a token.
    Public,
    Http {
        rule: Arc<Rule>,
        /// The body is a JSON object, and its members are the arguments.
        json: bool,
    },
    /// One full method name a route.
    Grpc(Arc<Rule>),
    Mcp(Box<Mcp>),
    A2a(Box<A2a>),
}

/// What a call asks for, in its protocol's own words: the caller's, and not verified by anybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operation {
    pub protocol: Protocol,
    /// The method of JSON-RPC, the operation of A2A, the full method name of gRPC; empty if unknown.
    pub method: Box<str>,
    /// The tool, the prompt or the URI of the resource.
    pub name: Option<Box<str>>,
    /// A2A section 3.1: whom an agent that serves several is asked for.
    pub tenant: Option<Box<str>>,
    /// The `id` of a JSON-RPC request, for its answer.
    pub id: Option<RequestId>,
    /// Whether an answer is expected in the form of JSON-RPC.
    pub json_rpc: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    #[default]
    Http,
    Grpc,
    Mcp,
    A2a,
}

impl Protocol {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
        }
    }
}

/// What was read of a call.
pub(super) struct Asked<'s> {
    /// `None`: it is open to everybody.
    pub(super) rule: Option<&'s Arc<Rule>>,
    pub(super) arguments: Option<Object>,
}

impl Speaks {
    /// Reads what `request` asks for. Into `seen` goes what was understood, refused or not.
    pub(super) fn read(
        &self,
        request: &Request<'_>,
        path: CanonicalPath<'_>,
        query: Option<&str>,
        seen: &mut Option<Operation>,
    ) -> Result<Asked<'_>, Reason> {
        match self {
            Self::Public => Ok(Asked { rule: None, arguments: None }),
            Self::Http { rule, json: false } => Ok(Asked { rule: Some(rule), arguments: None }),
            Self::Http { rule, json: true } => {
                let arguments = body::json_object(request, &[body::JSON])?;
                Ok(Asked { rule: Some(rule), arguments: Some(arguments) })
            }
            Self::Grpc(rule) => {
                let method = path.as_str().trim_start_matches('/').into();
                *seen = Some(Operation { protocol: Protocol::Grpc, method, ..Operation::default() });
                body::expect_grpc(request)?;
                Ok(Asked { rule: Some(rule), arguments: None })
            }
            Self::Mcp(mcp) => {
                let seen = seen.insert(Operation { protocol: Protocol::Mcp, ..Operation::default() });
                let arguments = mcp.read(request, seen)?;
                Ok(Asked { rule: Some(mcp.rule(seen)?), arguments })
            }
            Self::A2a(a2a) => {
                let seen = seen.insert(Operation { protocol: Protocol::A2a, ..Operation::default() });
                let arguments = a2a.read(request, path.as_str(), query, seen)?;
                Ok(Asked { rule: Some(a2a.rule(seen)?), arguments })
            }
        }
    }

    /// Reserved characters that tell operations apart in a path.
    pub(super) fn delimiters(&self) -> &'static [u8] {
        match self {
            Self::A2a(_) => b":",
            Self::Public | Self::Http { .. } | Self::Grpc(_) | Self::Mcp(_) => b"",
        }
    }

    /// Every rule of the route.
    #[must_use]
    pub fn rules(&self) -> Vec<&Arc<Rule>> {
        match self {
            Self::Public => Vec::new(),
            Self::Http { rule, .. } | Self::Grpc(rule) => vec![rule],
            Self::Mcp(mcp) => mcp.rules().collect(),
            Self::A2a(a2a) => a2a.methods.values().collect(),
        }
    }
}
