//! Decisions → `CheckResponse`.
//!
//! A `CheckResponse` whose status is 0 allows the call whatever else it holds, and the default
//! value has status 0. So no response is ever made by `default()`: there is [`allow`], which takes
//! what only an earned allow has, and [`deny`] and [`describe`], which have no way to say 0.

use std::borrow::Cow;
use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;

use super::challenge::www_authenticate;
use super::decode::Decoded;
use super::json_rpc;
use crate::audit::{Decided, Receipt, Redactable, Redaction, named, unlike_a_hash};
use crate::authz::{
    Actor, Algorithm, Answer, Claims, Findings, Metadata, Permit, Reason, SpiffeId, Trail, VerifiedToken,
};
use crate::config::Upstream;

/// What a name in a header of ours may not hold plainly: it would end a value or an item of a list,
/// be trimmed from an edge, or be read as an escape or as the `#` between an actor's issuer and
/// name. Other bytes beyond ASCII are escaped by `utf8_percent_encode` itself.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'%').add(b',').add(b'"').add(b'\\');

/// What both kinds of answer tell.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub decision_id: &'a str,
    pub findings: &'a Findings,
    pub trail: &'a Trail,
    /// What a proof may be signed with.
    pub proof_algorithms: &'a [Algorithm],
    /// What of it Envoy's log may hold.
    pub redaction: &'a Redaction,
}

/// The call goes on. Needs a permit, and the receipt of the record that says so.
#[must_use]
pub fn allow(_: &Permit, _: &Receipt, told: Told<'_>, decoded: &Decoded<'_>, upstream: Upstream) -> CheckResponse {
    let ToService { set, remove } = to_service(told, decoded, upstream);
    CheckResponse {
        status: Some(rpc::Status { code: 0, message: String::new(), details: Vec::new() }),
        dynamic_metadata: Some(metadata(Decided::Allowed, told)),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers: set,
            headers_to_remove: remove,
            ..OkHttpResponse::default()
        })),
    }
}

/// What an allowed call has changed on its way to the service.
#[derive(Clone, Debug)]
pub struct ToService {
    pub set: Vec<HeaderValueOption>,
    pub remove: Vec<String>,
}

/// The headers of an allowed call. They alone allow nothing.
#[must_use]
pub fn to_service(told: Told<'_>, decoded: &Decoded<'_>, upstream: Upstream) -> ToService {
    let mut set = vec![header("x-hopgate-decision-id", told.decision_id.to_owned())];
    let mut remove: Vec<String> = decoded.forged.iter().map(|name| (*name).to_owned()).collect();
    if upstream.identity_headers {
        identity_headers(told.findings, &mut set, &mut remove);
    } else {
        remove.extend(IDENTITY_HEADERS.map(str::to_owned));
    }
    // A token that nobody looked at is no token of ours to pass on.
    if !upstream.forward_token || told.findings.token.verified().is_none() {
        // A proof is worth nothing without its token, and says more than the service needs.
        remove.extend(["authorization", "dpop"].map(str::to_owned));
    }
    // Envoy removes after it sets: a forged header that we set ourselves is overwritten instead.
    remove.retain(|name| !set.iter().any(|option| option.header.as_ref().is_some_and(|ours| ours.key == *name)));
    ToService { set, remove }
}

/// The call ends here.
#[must_use]
pub fn deny(reason: Reason, told: Told<'_>, grpc: bool) -> CheckResponse {
    let answer = Wire::of(reason.answer());
    let mut headers = vec![
        header("cache-control", "no-store".to_owned()),
        header("x-hopgate-decision-id", told.decision_id.to_owned()),
    ];
    let body = if grpc {
        // Envoy puts the body into `grpc-message`.
        format!("{}: {} (decision {})", answer.error, reason.description(), told.decision_id)
    } else {
        headers.push(header("content-type", "application/json".to_owned()));
        let body = Body { error: answer.error, error_description: reason.description(), decision_id: told.decision_id };
        json_rpc::dressed(reason, told.findings.operation.as_ref(), &body)
    };
    if let (true, Some(status)) = (grpc, grpc_status(reason.answer())) {
        headers.push(header("grpc-status", status.to_owned()));
    }
    // One field line a scheme.
    for challenge in www_authenticate(reason, told.findings, told.proof_algorithms) {
        headers.push(appended("www-authenticate", challenge));
    }
    if let (Answer::UseNonce, Some(nonce)) = (reason.answer(), &told.findings.nonce) {
        headers.push(header("dpop-nonce", nonce.as_ref().to_owned()));
    }
    if reason.answer() == Answer::MethodNotAllowed {
        let route = told.findings.route.as_ref();
        headers.push(header("allow", route.map_or(String::new(), |route| route.speaks.http_methods().join(", "))));
    }
    if reason.answer() == Answer::Unavailable {
        headers.push(header("retry-after", "1".to_owned()));
    }
    CheckResponse {
        status: Some(rpc::Status { code: answer.rpc_code, message: reason.code().to_owned(), details: Vec::new() }),
        dynamic_metadata: Some(metadata(Decided::Refused(reason), told)),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus { code: answer.http_status }),
            headers,
            body,
        })),
    }
}

/// The status of gRPC where Envoy's own choice, by the HTTP status, would say something else:
/// `INVALID_ARGUMENT`, `RESOURCE_EXHAUSTED`, `UNIMPLEMENTED`.
fn grpc_status(answer: Answer) -> Option<&'static str> {
    match answer {
        Answer::InvalidRequest | Answer::UnsupportedMediaType => Some("3"),
        Answer::ContentTooLarge => Some("8"),
        Answer::MethodNotAllowed => Some("12"),
        Answer::NoCredential
        | Answer::InvalidToken
        | Answer::InvalidTokenUnlessProven
        | Answer::InvalidProof
        | Answer::UseNonce
        | Answer::InsufficientUserAuthentication
        | Answer::InsufficientAuthorization
        | Answer::InsufficientScope
        | Answer::ActorUnauthorized
        | Answer::AccessDenied
        | Answer::Unavailable => None,
    }
}

/// hopgate answers in the service's place: the call asks for its protected resource metadata. For
/// Envoy this is a refusal, of status 200.
#[must_use]
pub fn describe(_: &Receipt, metadata: &Metadata, told: Told<'_>) -> CheckResponse {
    CheckResponse {
        status: Some(rpc::Status { code: 7, message: "answered".to_owned(), details: Vec::new() }),
        dynamic_metadata: Some(self::metadata(Decided::Answered, told)),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus { code: 200 }),
            headers: vec![
                header("content-type", "application/json".to_owned()),
                header("cache-control", "max-age=60".to_owned()),
                // It is public, and clients in browsers look for it too.
                header("access-control-allow-origin", "*".to_owned()),
                header("x-hopgate-decision-id", told.decision_id.to_owned()),
            ],
            body: metadata.document.as_ref().to_owned(),
        })),
    }
}

/// The body of a refusal, for programs and for whoever reads it.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    pub(super) error: &'static str,
    pub(super) error_description: &'static str,
    pub(super) decision_id: &'a str,
}

/// How an answer is said: HTTP status, the code in `google.rpc.Status` (never 0), `error` in the
/// body.
struct Wire {
    http_status: i32,
    rpc_code: i32,
    error: &'static str,
}

impl Wire {
    const fn of(answer: Answer) -> Self {
        let (http_status, rpc_code, error) = match answer {
            Answer::InvalidRequest => (400, 3, "invalid_request"),
            Answer::ContentTooLarge => (413, 3, "invalid_request"),
            Answer::UnsupportedMediaType => (415, 3, "invalid_request"),
            Answer::MethodNotAllowed => (405, 3, "invalid_request"),
            Answer::NoCredential => (401, 16, "unauthorized"),
            Answer::InvalidToken | Answer::InvalidTokenUnlessProven => (401, 16, "invalid_token"),
            Answer::InvalidProof => (401, 16, "invalid_dpop_proof"),
            Answer::UseNonce => (401, 16, "use_dpop_nonce"),
            Answer::InsufficientUserAuthentication => (401, 16, "insufficient_user_authentication"),
            Answer::InsufficientAuthorization => (401, 16, "insufficient_authorization"),
            Answer::InsufficientScope => (403, 7, "insufficient_scope"),
            Answer::ActorUnauthorized => (403, 7, "actor_unauthorized"),
            Answer::AccessDenied => (403, 7, "access_denied"),
            Answer::Unavailable => (503, 14, "temporarily_unavailable"),
        };
        Self { http_status, rpc_code, error }
    }
}

/// The headers that tell the service who called; those without a value are removed.
pub const IDENTITY_HEADERS: [&str; 8] = [
    "x-hopgate-service",
    "x-hopgate-route",
    "x-hopgate-issuer",
    "x-hopgate-subject",
    "x-hopgate-client-id",
    "x-hopgate-actor",
    "x-hopgate-actor-chain",
    "x-hopgate-scopes",
];

fn identity_headers(findings: &Findings, set: &mut Vec<HeaderValueOption>, remove: &mut Vec<String>) {
    let claims = findings.token.verified().map(VerifiedToken::claims);
    let chain: Vec<_> = claims
        .iter()
        .flat_map(|claims| claims.act.actors().iter().map(|actor| actor_name(actor, &claims.issuer)))
        .collect();
    let values: [Option<String>; 8] = [
        findings.service.as_ref().map(|service| escaped(&service.name)),
        findings.route.as_ref().map(|route| escaped(&route.name)),
        claims.map(|claims| escaped(&claims.issuer)),
        claims.map(|claims| escaped(&claims.subject)),
        claims.and_then(|claims| claims.client_id.as_deref()).map(escaped),
        chain.first().cloned(),
        Some(chain.join(",")).filter(|chain| !chain.is_empty()),
        claims.map(|claims| usable_scopes(claims, &findings.scopes_above)).filter(|scopes| !scopes.is_empty()),
    ];
    for (name, value) in IDENTITY_HEADERS.into_iter().zip(values) {
        match value {
            Some(value) => set.push(header(name, value)),
            None => remove.push(name.to_owned()),
        }
    }
}

/// What the service may take for allowed. Scope tokens are visible ASCII by their grammar.
fn usable_scopes(claims: &Claims, above: &[Box<str>]) -> String {
    let usable = claims.scopes.iter().filter(|scope| !above.contains(scope));
    usable.map(AsRef::as_ref).collect::<Vec<_>>().join(" ")
}

fn actor_name(actor: &Actor, token_issuer: &str) -> String {
    match &actor.issuer {
        Some(issuer) if issuer.as_ref() != token_issuer => format!("{}#{}", escaped(issuer), escaped(&actor.subject)),
        Some(_) | None => escaped(&actor.subject),
    }
}

fn escaped(text: &str) -> String {
    Cow::from(utf8_percent_encode(text, ESCAPED)).into_owned()
}

/// A header that replaces whatever the caller sent under its name. The zero value of
/// `append_action` would leave a forged one standing beside it.
fn header(key: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: key.to_owned(), value, raw_value: Vec::new() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    }
}

/// A further line of a header of the answer.
fn appended(key: &str, value: String) -> HeaderValueOption {
    let append_action = HeaderAppendAction::AppendIfExistsOrAdd.into();
    HeaderValueOption { append_action, ..header(key, value) }
}

/// The decision for Envoy's own access log: `%DYNAMIC_METADATA(envoy.filters.http.ext_authz:…)%`. It
/// says no more than the record.
fn metadata(decided: Decided, told: Told<'_>) -> Struct {
    let (refused, redaction) = (decided.reason(), told.redaction);
    let operation = told.findings.operation.as_ref();
    let claims = told.findings.token.verified().map(VerifiedToken::claims);
    let actor =
        claims.and_then(|claims| claims.act.actors().first().map(|actor| unlike_a_hash(named(actor, &claims.issuer))));
    let client = claims.and_then(|claims| claims.client_id.as_deref());
    let peer = told.findings.peer.as_ref().map(SpiffeId::as_str);
    let would_deny = told.trail.would_refuse().map(Reason::code).collect::<Vec<_>>().join(",");
    let fields = [
        ("decision", Some(Cow::Borrowed(decided.name()))),
        ("decision_id", Some(Cow::Borrowed(told.decision_id))),
        ("reason", refused.map(|reason| Cow::Borrowed(reason.code()))),
        ("check", refused.map(|reason| Cow::Borrowed(reason.check().name()))),
        ("would_deny", Some(would_deny).filter(|codes| !codes.is_empty()).map(Cow::Owned)),
        ("service", told.findings.service.as_ref().map(|service| Cow::Borrowed(service.name.as_ref()))),
        ("route", told.findings.route.as_ref().map(|route| Cow::Borrowed(route.name.as_ref()))),
        ("operation", operation.and_then(|operation| redaction.operation(operation))),
        ("operation_name", operation.and_then(|operation| redaction.operation_name(operation))),
        ("subject", claims.and_then(|claims| redaction.text(Redactable::Subject, &claims.subject))),
        ("client_id", client.and_then(|client| redaction.text(Redactable::ClientId, client))),
        ("actor", actor),
        ("peer", peer.and_then(|peer| redaction.text(Redactable::Peer, peer))),
    ];
    let depth = claims.map(|claims| claims.act.actors().len());
    let texts = fields.into_iter().filter_map(|(name, value)| {
        Some((name.to_owned(), Value { kind: Some(Kind::StringValue(value?.into_owned())) }))
    });
    let mut fields = HashMap::with_capacity(12);
    fields.extend(texts);
    if let Some(depth) = depth {
        #[expect(clippy::cast_precision_loss, reason = "a depth is far below 2^53")]
        let number = Value { kind: Some(Kind::NumberValue(depth as f64)) };
        fields.insert("delegation_depth".to_owned(), number);
    }
    Struct { fields }
}
