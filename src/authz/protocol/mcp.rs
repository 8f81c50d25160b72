//! MCP over Streamable HTTP: revision 2026-07-28 and the two before it.
//!
//! Every revision is read by the same rules; an older one only lacks headers to compare. Sessions
//! mean nothing here: each request stands for itself.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::json::{Keep, Object};
use super::super::path::CanonicalPath;
use super::super::pattern::{Found, Patterns};
use super::super::reason::Reason;
use super::super::request::Field;
use super::super::rule::Rule;
use super::json_rpc::{Message, spells, text};
use super::{Operation, Sent, body};

/// What an MCP server lets be called.
#[derive(Clone, Debug)]
pub struct Mcp {
    /// Never empty.
    pub revisions: Vec<Revision>,
    /// For what only opens, keeps and closes a connection.
    pub connection: Arc<Rule>,
    /// By JSON-RPC method, other than those that the next three stand for.
    pub methods: Patterns<Arc<Rule>>,
    /// `tools/call`, by the tool's name.
    pub tools: Patterns<Arc<Rule>>,
    /// `resources/read`, `resources/subscribe` and `resources/unsubscribe`, by URI.
    pub resources: Patterns<Arc<Rule>>,
    /// `prompts/get`, by the prompt's name.
    pub prompts: Patterns<Arc<Rule>>,
}

/// A revision of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revision {
    R20250618,
    R20251125,
    R20260728,
}

impl Revision {
    pub const ALL: [Self; 3] = [Self::R20250618, Self::R20251125, Self::R20260728];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::R20250618 => "2025-06-18",
            Self::R20251125 => "2025-11-25",
            Self::R20260728 => "2026-07-28",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.name() == name)
    }
}

/// The methods that clients send. A pattern with a star stands for these and no others: to a server
/// that does not tell letter cases apart, `Tools/Call` is no unknown method.
pub const METHODS: [&str; 27] = [
    "server/discover",
    "initialize",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/update",
    "tasks/cancel",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    GET,
    DELETE,
    RESPONSE,
];

/// Opening the stream of the server's own messages, up to revision 2025-11-25.
const GET: &str = "GET";
/// Ending a session, up to revision 2025-11-25.
const DELETE: &str = "DELETE";
/// The answer to a request of the server's, up to revision 2025-11-25.
const RESPONSE: &str = "response";

/// What only opens, keeps and closes a connection, and touches nothing.
pub const CONNECTION: [&str; 6] = [
    "server/discover",
    "initialize",
    "ping",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
];

/// The methods that have rules of their own, by what they name.
pub const NAMED: [&str; 5] =
    ["tools/call", "resources/read", "resources/subscribe", "resources/unsubscribe", "prompts/get"];

/// Where a request repeats its revision (2026-07-28).
const REVISION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";

/// What a rule is found by. The rest of a message is only looked at where its rule asks for it.
const DECIDING: Keep = Keep::Only(&[
    ("jsonrpc", Keep::All),
    ("id", Keep::All),
    ("method", Keep::All),
    (
        "params",
        Keep::Only(&[
            ("name", Keep::All),
            ("uri", Keep::All),
            ("taskId", Keep::All),
            ("ref", Keep::All),
            ("_meta", Keep::Only(&[(REVISION_MEMBER, Keep::All)])),
        ]),
    ),
]);

/// The members of `params` that something is decided by.
const PARAMS: [&str; 6] = ["name", "uri", "arguments", "taskId", "ref", "_meta"];

/// What was read, and the rule of what the call does besides.
type Heard<'s> = (Option<Object>, Option<&'s Arc<Rule>>);

impl Mcp {
    /// Reads one request; gives the arguments of a tool or prompt, empty, and the rule of what is completed.
    pub(super) fn read(&self, sent: &Sent<'_>, seen: &mut Operation) -> Result<Heard<'_>, Reason> {
        let request = sent.request;
        if request.method != "POST" {
            seen.method = request.method.into();
            self.method_rule(request.method)?;
            body::expect_none(request)?;
            let revision = self.revision(header(request.headers.mcp_revision)?.as_deref())?;
            return if revision < Revision::R20260728 { Ok((None, None)) } else { Err(Reason::HttpMethodUnknown) };
        }
        seen.json_rpc = true;
        let message = Message::read(body::json(sent, &[body::JSON], &DECIDING)?)?;
        let written = header(request.headers.mcp_revision)?;
        let Message::Call { method, id, mut params } = message else {
            seen.method = RESPONSE.into();
            // Revision 2026-07-28: "the client must not send responses".
            let revision = self.revision(written.as_deref())?;
            return if revision < Revision::R20260728 { Ok((None, None)) } else { Err(Reason::CallMalformed) };
        };
        let is_request = id.is_some();
        seen.method = method.as_str().into();
        seen.id = id;
        if !spells(&params, &PARAMS) {
            return Err(Reason::ParamsMalformed);
        }
        seen.name = name(&method, &params)?.map(Into::into);
        let also = if method == "completion/complete" { Some(self.completed(&params)?) } else { None };

        let in_body = match params.get("_meta") {
            None => None,
            Some(Value::Object(meta)) => meta.get(REVISION_MEMBER).map(|value| value.as_str().unwrap_or_default()),
            Some(_) => return Err(Reason::ParamsMalformed),
        };
        // Anyone who processes the body MUST reject a header that says something else.
        if in_body.is_some() && in_body != written.as_deref() {
            return Err(Reason::HeaderMismatch);
        }
        // The first request of the older revisions only proposes one.
        let revision = match (method.as_str(), &written) {
            ("initialize", None) => None,
            _ => Some(self.revision(written.as_deref())?),
        };
        let asks = revision.is_some_and(|revision| revision >= Revision::R20260728) && is_request;
        if asks && in_body.is_none() {
            return Err(Reason::ParamsMalformed);
        }
        compare(header(request.headers.mcp_method)?.as_deref(), Some(&method), asks)?;
        compare(header(request.headers.mcp_name)?.as_deref(), seen.name.as_deref(), asks)?;

        match params.remove("arguments") {
            Some(Value::Object(arguments)) => Ok((Some(arguments), also)),
            Some(_) => Err(Reason::ParamsMalformed),
            None if seen.name.is_some() => Ok((Some(Object::new()), also)),
            None => Ok((None, also)),
        }
    }

    /// What `operation` is asked for.
    pub(super) fn rule(&self, operation: &Operation) -> Result<&Arc<Rule>, Reason> {
        let method = operation.method.as_ref();
        let (patterns, unknown) = match method {
            "tools/call" => (&self.tools, Reason::ToolUnknown),
            "prompts/get" => (&self.prompts, Reason::PromptUnknown),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                (&self.resources, Reason::ResourceUnknown)
            }
            _ => return self.method_rule(method),
        };
        let name = operation.name.as_deref().ok_or(Reason::ParamsMalformed)?;
        named_rule(patterns, method, name).ok_or(unknown)
    }

    /// A completion shows what a prompt or resource would: so those must be allowed, too.
    fn completed(&self, params: &Object) -> Result<&Arc<Rule>, Reason> {
        let of = params.get("ref").and_then(Value::as_object).ok_or(Reason::ParamsMalformed)?;
        if !spells(of, &["type", "name", "uri"]) {
            return Err(Reason::ParamsMalformed);
        }
        let (patterns, method, name, unknown) = match text(of, "type")? {
            "ref/prompt" => (&self.prompts, "prompts/get", text(of, "name")?, Reason::PromptUnknown),
            "ref/resource" => (&self.resources, "resources/read", text(of, "uri")?, Reason::ResourceUnknown),
            _ => return Err(Reason::ParamsMalformed),
        };
        named_rule(patterns, method, name).filter(|rule| rule.approval.is_none()).ok_or(unknown)
    }

    pub(super) fn http_methods(&self) -> Vec<&'static str> {
        let open = [GET, DELETE].into_iter().filter(|method| self.method_rule(method).is_ok());
        std::iter::once("POST").chain(open).collect()
    }

    fn method_rule(&self, method: &str) -> Result<&Arc<Rule>, Reason> {
        match self.methods.find(method) {
            Some(Found { value, star: None }) => Ok(value),
            Some(Found { value, star: Some(_) }) if METHODS.contains(&method) => Ok(value),
            Some(_) | None if CONNECTION.contains(&method) => Ok(&self.connection),
            Some(_) | None if method == GET || method == DELETE => Err(Reason::HttpMethodUnknown),
            Some(_) | None => Err(Reason::OperationUnknown),
        }
    }

    /// Absent, the revision is 2025-03-26, which is none of ours.
    fn revision(&self, written: Option<&str>) -> Result<Revision, Reason> {
        let revision = written.and_then(Revision::parse);
        revision.filter(|revision| self.revisions.contains(revision)).ok_or(Reason::RevisionUnsupported)
    }

    pub(super) fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let named = self.tools.values().chain(self.resources.values()).chain(self.prompts.values());
        std::iter::once(&self.connection).chain(self.methods.values()).chain(named)
    }
}

/// The arguments of a tool or prompt, of a request that was read before.
pub(super) fn arguments(sent: &Sent<'_>) -> Result<Option<Object>, Reason> {
    match Message::read(body::json(sent, &[body::JSON], &Keep::All)?)? {
        Message::Call { mut params, .. } => match params.remove("arguments") {
            Some(Value::Object(arguments)) => Ok(Some(arguments)),
            Some(_) | None => Ok(Some(Object::new())),
        },
        Message::Response => Ok(None),
    }
}

/// The rule for `name`; a star does not stand for a name with a second meaning.
fn named_rule<'p>(patterns: &'p Patterns<Arc<Rule>>, method: &str, name: &str) -> Option<&'p Arc<Rule>> {
    match patterns.find(name)? {
        Found { value, star: None } => Some(value),
        Found { value, star: Some(star) } => is_plain(method, name, star).then_some(value),
    }
}

/// What the request names, as `Mcp-Name` repeats it.
fn name<'a>(method: &str, params: &'a Object) -> Result<Option<&'a str>, Reason> {
    match method {
        "tools/call" | "prompts/get" => text(params, "name").map(Some),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => text(params, "uri").map(Some),
        "tasks/get" | "tasks/update" | "tasks/cancel" => text(params, "taskId").map(Some),
        _ => Ok(None),
    }
}

/// Whether what a star stands for has no second meaning. A tool's or prompt's name is of plain
/// letters ("Tool names", section Data Types of tools); the rest of a URI must be its own canonical
/// form, so that `docs/*` never stands for `docs/../keys`.
fn is_plain(method: &str, name: &str, star: &str) -> bool {
    match method {
        "tools/call" | "prompts/get" => {
            star.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
        }
        _ => is_canonical(name),
    }
}

/// Whether a URI has one spelling: `scheme://authority/path`, or `scheme:path`, the path in its
/// canonical form, and nothing that only some readers look at.
fn is_canonical(uri: &str) -> bool {
    let Some((scheme, rest)) = uri.split_once(':') else { return false };
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_once('/').unwrap_or((rest, "")),
        None => ("", rest.strip_prefix('/').unwrap_or(rest)),
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let host = |byte: u8| lower(byte) || matches!(byte, b'.' | b'-' | b'_' | b':');
    scheme.bytes().all(|byte| lower(byte) || matches!(byte, b'+' | b'-' | b'.'))
        && authority.bytes().all(host)
        && CanonicalPath::parse(&format!("/{path}")).is_ok()
}

/// A header that is there once at most, decoded.
fn header(field: Field<'_>) -> Result<Option<String>, Reason> {
    match field {
        Field::Absent => Ok(None),
        Field::Repeated => Err(Reason::HeaderMismatch),
        Field::Once(value) => {
            let value = std::str::from_utf8(value.trim_ascii()).map_err(|_| Reason::HeaderMismatch)?;
            decode(value).map(Some)
        }
    }
}

/// `=?base64?…?=` around what is not plain ASCII; anything else stands for itself.
fn decode(value: &str) -> Result<String, Reason> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) else {
        return Ok(value.to_owned());
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| Reason::HeaderMismatch)?;
    String::from_utf8(bytes).map_err(|_| Reason::HeaderMismatch)
}

/// A header must repeat what the body says; from revision 2026-07-28 on it must be there.
fn compare(written: Option<&str>, in_body: Option<&str>, required: bool) -> Result<(), Reason> {
    match (written, in_body) {
        (Some(written), Some(in_body)) if written == in_body => Ok(()),
        (None, Some(_)) if !required => Ok(()),
        (None, None) => Ok(()),
        (Some(_) | None, _) => Err(Reason::HeaderMismatch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_is_decoded_only_where_it_is_marked_exactly() {
        assert_eq!(decode("=?base64?ZGVsZXRl?=").as_deref(), Ok("delete"));
        assert_eq!(decode("=?BASE64?ZGVsZXRl?=").as_deref(), Ok("=?BASE64?ZGVsZXRl?="));
        assert_eq!(decode("=?base64?ZGVsZXRl").as_deref(), Ok("=?base64?ZGVsZXRl"));
        for value in ["=?base64?ZGVsZXR?=", "=?base64?ZGVsZX Rl?=", "=?base64?ZGVsZXRl=?=", "=?base64?/w==?="] {
            assert_eq!(decode(value), Err(Reason::HeaderMismatch), "{value}");
        }
    }

    #[test]
    fn a_star_stands_for_plain_names_only() {
        for star in ["", "documents", "a.b-c_1", "admin/list"] {
            assert!(is_plain("tools/call", star, star), "{star}");
        }
        for star in ["a b", "\u{430}", "a\0", "a%20"] {
            assert!(!is_plain("tools/call", star, star), "{star}");
        }
        for uri in ["file:///a/b.md", "docs:2026/report%20one.pdf", "https://a.example:8443/x", "db://main"] {
            assert!(is_canonical(uri), "{uri}");
        }
        let paths = ["../keys", "a/%2e%2e/keys", "a\\b", "a//b", "a%2Fb", "a?x", "a#x", "./a"];
        for uri in paths.into_iter().map(|path| format!("file:///{path}")) {
            assert!(!is_canonical(&uri), "{uri}");
        }
        for uri in ["", "a/b", "FILE:///a", "https://bob@a.example/x", "https://A.example/", "https://a.example?x"] {
            assert!(!is_canonical(uri), "{uri}");
        }
    }
}
