//! What a call asks for, by the protocol that it speaks: its operation, read strictly and once.
//!
//! A rule about `POST /mcp` says nothing. What counts is in the body, and the service behind us
//! reads that too; so whatever could be read in two ways is refused, and what is not known is not
//! allowed. The headers that repeat parts of a body only ever refuse.

pub mod a2a;
mod body;
mod json_rpc;
pub mod mcp;
mod shown;

use std::sync::Arc;

pub use self::a2a::A2a;
pub use self::json_rpc::RequestId;
pub use self::mcp::Mcp;
use super::json::{Keep, Object};
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
    pub(super) rule: &'s Arc<Rule>,
    /// The rule of what the call does besides.
    pub(super) also: Option<&'s Arc<Rule>>,
    pub(super) arguments: Option<Object>,
}

/// One call, as it was sent.
pub(super) struct Sent<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) path: CanonicalPath<'a>,
    pub(super) query: Option<&'a str>,
    /// Longest body that is read, bytes.
    pub(super) body_limit: usize,
}

impl Speaks {
    /// What a call can be told to be by its path alone, for its answer and record.
    pub(super) fn expected(&self, method: &str, path: CanonicalPath<'_>) -> Option<Operation> {
        let of = |protocol, json_rpc| Some(Operation { protocol, json_rpc, ..Operation::default() });
        match self {
            Self::Public | Self::Http { .. } => None,
            Self::Grpc(_) => of(Protocol::Grpc, false),
            Self::Mcp(_) => of(Protocol::Mcp, method == "POST"),
            Self::A2a(a2a) => of(Protocol::A2a, method == "POST" && a2a.json_rpc.as_deref() == Some(path.as_str())),
        }
    }

    /// Reads what a call asks for. Into `seen` goes what was understood, refused or not.
    pub(super) fn read(&self, sent: &Sent<'_>, seen: &mut Option<Operation>) -> Result<Asked<'_>, Reason> {
        match self {
            // It was let pass before: there is no rule to read for.
            Self::Public => Err(Reason::InternalError),
            Self::Http { rule, json: false } => Ok(Asked { rule, also: None, arguments: None }),
            Self::Http { rule, json: true } => {
                if rule.is_repeated_in(sent.query) {
                    return Err(Reason::ParamsMalformed);
                }
                let keep = if rule.looks_at_arguments() { &Keep::All } else { &Keep::Nothing };
                let arguments = body::json_object(sent, &[body::JSON], keep)?;
                Ok(Asked { rule, also: None, arguments: Some(arguments) })
            }
            Self::Grpc(rule) => {
                let method = sent.path.as_str().trim_start_matches('/').into();
                *seen = Some(Operation { protocol: Protocol::Grpc, method, ..Operation::default() });
                body::expect_grpc(sent.request)?;
                Ok(Asked { rule, also: None, arguments: None })
            }
            Self::Mcp(mcp) => {
                let seen = seen.insert(Operation { protocol: Protocol::Mcp, ..Operation::default() });
                let (arguments, also) = mcp.read(sent, seen)?;
                let rule = mcp.rule(seen)?;
                let arguments = if rule.looks_at_arguments() { mcp::arguments(sent)? } else { arguments };
                Ok(Asked { rule, also, arguments })
            }
            Self::A2a(a2a) => {
                let seen = seen.insert(Operation { protocol: Protocol::A2a, ..Operation::default() });
                let arguments = a2a.read(sent, seen)?;
                let rule = a2a.rule(&seen.method)?;
                let also = a2a::also_does(arguments.as_ref()).map(|operation| a2a.rule(operation)).transpose()?;
                if also.is_some_and(|also| also.approval.is_some() || !also.arguments.is_empty()) {
                    // They are of a call of its own, and can't be told from this one.
                    return Err(Reason::OperationUnknown);
                }
                let arguments = if rule.looks_at_arguments() { a2a.arguments(sent)? } else { arguments };
                Ok(Asked { rule, also, arguments })
            }
        }
    }

    /// The HTTP methods of a route that tells them apart by its own rules.
    #[must_use]
    pub fn http_methods(&self) -> Vec<&'static str> {
        match self {
            Self::Mcp(mcp) => mcp.http_methods(),
            Self::Public | Self::Http { .. } | Self::Grpc(_) | Self::A2a(_) => Vec::new(),
        }
    }

    /// Scopes that help at this route, before anything is known of what will be called there.
    #[must_use]
    pub fn scopes(&self) -> &[Box<str>] {
        match self {
            Self::Public => &[],
            Self::Http { rule, .. } | Self::Grpc(rule) => &rule.scopes,
            Self::Mcp(mcp) => &mcp.connection.scopes,
            Self::A2a(a2a) => &a2a.scopes,
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
