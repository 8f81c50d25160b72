//! What the core is told about one call: facts, parsed once by an edge, nothing believed yet.

use std::fmt;

/// One call as Envoy (or a file, or a test) describes it.
///
/// Everything here is the caller's word except `service`, which the operator sets per route in
/// Envoy, and `peer` and `certificate`, which Envoy verified.
#[derive(Clone, Debug, Default)]
pub struct Request<'a> {
    /// The HTTP method as sent; empty if the edge was given none.
    pub method: &'a str,
    /// The request target, path and query, as sent; empty if the edge was given none.
    pub target: &'a str,
    /// The `authorization` header.
    pub authorization: Field<'a>,
    /// The `dpop` header.
    pub dpop: Field<'a>,
    /// The identity of the mTLS peer as Envoy verified it: its first URI SAN.
    pub peer: Option<&'a str>,
    /// The certificate of the mTLS peer as Envoy reports it: URL-encoded PEM.
    pub certificate: Option<&'a str>,
    /// The `x-forwarded-client-cert` header.
    pub forwarded_certificate: Field<'a>,
    /// The service the operator named for this Envoy route (`context_extensions`).
    pub service: Option<&'a str>,
    pub body: Body<'a>,
    pub headers: ProtocolHeaders<'a>,
}

/// The body, as far as Envoy handed it over.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Body<'a> {
    /// Envoy attached none: there is none, or it was not told to.
    #[default]
    NotAttached,
    Whole(&'a [u8]),
    /// Only its beginning.
    CutOff,
    /// As text, in which Envoy replaces what is not UTF-8: the service gets another one.
    Rewritten,
}

/// Never the content: it may hold anything.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAttached => f.write_str("NotAttached"),
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::CutOff => f.write_str("CutOff"),
            Self::Rewritten => f.write_str("Rewritten"),
        }
    }
}

/// The headers that say how a body is to be read, and those that repeat a part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProtocolHeaders<'a> {
    pub content_type: Field<'a>,
    pub content_encoding: Field<'a>,
    pub content_length: Field<'a>,
    /// `mcp-protocol-version`.
    pub mcp_revision: Field<'a>,
    /// `mcp-method`.
    pub mcp_method: Field<'a>,
    /// `mcp-name`.
    pub mcp_name: Field<'a>,
    /// `a2a-version`.
    pub a2a_version: Field<'a>,
}

/// A header of which there may be one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<'a> {
    #[default]
    Absent,
    Once(&'a [u8]),
    /// More than one field line, whatever they hold.
    Repeated,
}

/// Never the value: it may be a credential.
impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("Absent"),
            Self::Once(value) => write!(f, "Once({} bytes)", value.len()),
            Self::Repeated => f.write_str("Repeated"),
        }
    }
}

impl<'a> Field<'a> {
    /// Counts one more field line.
    #[must_use]
    pub fn and(self, value: &'a [u8]) -> Self {
        match self {
            Self::Absent => Self::Once(value),
            Self::Once(_) | Self::Repeated => Self::Repeated,
        }
    }
}
