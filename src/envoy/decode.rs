//! `CheckRequest` → facts. Nothing is refused here: what is missing stays empty, and check 1
//! refuses it.

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;

use crate::audit::{TRACEPARENT, TraceContext};
use crate::authz::{Body, Field, Request};

/// Headers by which some frameworks run another method, or another path, than the request's, which
/// is the one that was judged.
pub const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/// Headers to the service that only hopgate may set.
pub const IDENTITY_PREFIX: &str = "x-hopgate-";

/// The `context_extensions` key by which a route of Envoy names the service behind it.
pub const SERVICE_EXTENSION: &str = "service";

/// One call, borrowed from the message it came in.
#[derive(Clone, Debug, Default)]
pub struct Decoded<'a> {
    pub request: Request<'a>,
    /// Whether Envoy answers it with a gRPC status.
    pub grpc: bool,
    /// `x-request-id`, the caller's word: for finding records, never for deciding.
    pub request_id: Option<&'a str>,
    /// As the header `traceparent` says, which is the caller's word.
    pub trace: Option<TraceContext>,
    /// Headers of the request that pretend to be ours, under any spelling, or change what is asked for.
    pub forged: Vec<&'a str>,
}

impl Decoded<'_> {
    /// The request target up to its query, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.target.split(['?', '#']).next().unwrap_or_default()
    }
}

#[must_use]
pub fn decode(message: &CheckRequest) -> Decoded<'_> {
    let mut decoded = Decoded::default();
    let Some(attributes) = &message.attributes else {
        return decoded;
    };
    let non_empty = |text: &'_ String| !text.is_empty();
    decoded.request.peer =
        attributes.source.as_ref().map(|source| &source.principal).filter(|p| non_empty(p)).map(String::as_str);
    decoded.request.certificate =
        attributes.source.as_ref().map(|source| &source.certificate).filter(|c| non_empty(c)).map(String::as_str);
    decoded.request.service = attributes.context_extensions.get(SERVICE_EXTENSION).map(String::as_str);
    if let Some(http) = attributes.request.as_ref().and_then(|request| request.http.as_ref()) {
        decoded.request.method = &http.method;
        decoded.request.target = &http.path;
        let apart = read_headers(http, &mut decoded);
        decoded.request.body = body(http, apart.marker);
        decoded.trace = match apart.traceparent {
            Field::Once(traceparent) => TraceContext::parse(traceparent),
            Field::Absent | Field::Repeated => None,
        };
    }
    decoded
}

/// The header by which Envoy says whether the body is whole; a client's own is dropped there.
pub const BODY_MARKER: &str = "x-envoy-auth-partial-body";

/// Headers that are no part of what is decided on.
#[derive(Default)]
struct Apart<'a> {
    marker: Field<'a>,
    traceparent: Field<'a>,
}

/// Only a body that Envoy marked as whole is one.
fn body<'a>(http: &'a HttpRequest, marker: Field<'_>) -> Body<'a> {
    match marker {
        Field::Once(b"false") if !http.body.is_empty() => Body::Rewritten,
        Field::Once(b"false") => Body::Whole(&http.raw_body),
        Field::Once(b"true") => Body::CutOff,
        Field::Absent | Field::Once(_) | Field::Repeated => Body::NotAttached,
    }
}

/// Headers come raw in `header_map` (`encode_raw_headers`) or joined in `headers`. Should both be
/// filled, both are read: a credential in each is a repeated one.
fn read_headers<'a>(http: &'a HttpRequest, decoded: &mut Decoded<'a>) -> Apart<'a> {
    let mut apart = Apart::default();
    for header in http.header_map.iter().flat_map(|map| &map.headers) {
        // Envoy fills `raw_value`; a sender of the older form fills `value`.
        let value = if header.raw_value.is_empty() { header.value.as_bytes() } else { &header.raw_value };
        read_header(&header.key, value, decoded, &mut apart);
    }
    for (key, value) in &http.headers {
        read_header(key, value.as_bytes(), decoded, &mut apart);
    }
    apart
}

fn read_header<'a>(key: &'a str, value: &'a [u8], decoded: &mut Decoded<'a>, apart: &mut Apart<'a>) {
    let headers = &mut decoded.request.headers;
    let repeated = [
        ("content-type", &mut headers.content_type),
        ("content-encoding", &mut headers.content_encoding),
        ("content-length", &mut headers.content_length),
        ("mcp-protocol-version", &mut headers.mcp_revision),
        ("mcp-method", &mut headers.mcp_method),
        ("mcp-name", &mut headers.mcp_name),
        ("a2a-version", &mut headers.a2a_version),
        (BODY_MARKER, &mut apart.marker),
        (TRACEPARENT, &mut apart.traceparent),
    ];
    if let Some((_, field)) = repeated.into_iter().find(|(name, _)| key.eq_ignore_ascii_case(name)) {
        *field = field.and(value);
    }
    if key.eq_ignore_ascii_case("authorization") {
        decoded.request.authorization = decoded.request.authorization.and(value);
    } else if key.eq_ignore_ascii_case("dpop") {
        decoded.request.dpop = decoded.request.dpop.and(value);
    } else if key.eq_ignore_ascii_case("x-forwarded-client-cert") {
        decoded.request.forwarded_certificate = decoded.request.forwarded_certificate.and(value);
    } else if key.eq_ignore_ascii_case("content-type") {
        decoded.grpc |= is_grpc(value);
    } else if key.eq_ignore_ascii_case("x-request-id") {
        decoded.request_id = std::str::from_utf8(value).ok();
    } else if is_ours(key) || OVERRIDES.iter().any(|name| key.len() == name.len() && begins_like(key, name)) {
        decoded.forged.push(key);
    }
}

/// As Envoy decides whether to answer with a gRPC status: `application/grpc` alone or with a `+`
/// suffix. gRPC-Web is answered like any HTTP request.
fn is_grpc(content_type: &[u8]) -> bool {
    content_type.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// Whether a service could take `key` for one of our headers. CGI-like frameworks fold case and
/// turn `-`, `_` and some every character that is no letter or digit into one and the same.
fn is_ours(key: &str) -> bool {
    begins_like(key, IDENTITY_PREFIX)
}

fn begins_like(key: &str, prefix: &str) -> bool {
    key.len() >= prefix.len()
        && key
            .bytes()
            .zip(prefix.bytes())
            .all(|(found, ours)| found.eq_ignore_ascii_case(&ours) || (ours == b'-' && !found.is_ascii_alphanumeric()))
}
