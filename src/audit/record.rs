//! The fields of a decision record. They are API: `proto/hopgate/decision/v1/decision.proto`
//! documents them and a test freezes them.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::clean::clean;
use super::redact::{Redactable, Redaction, unlike_a_hash};
use super::trace::TraceContext;
use crate::authz::{
    Actor, Check, Claims, ClientType, Findings, Mode, Outcome, Protocol, Reason, Scheme, Snapshot, SpiffeId, Trail,
    Verdict,
};

/// Most items of a list that a token fills; what is left out is not hidden: `delegation_depth`
/// counts all actors, and `…` ends a list that was cut.
const MAX_ITEMS: usize = 32;

/// What a record is made from.
#[derive(Debug)]
pub struct Facts<'a> {
    pub time: SystemTime,
    pub decision_id: &'a str,
    pub trace: Option<TraceContext>,
    pub request_id: Option<&'a str>,
    pub method: &'a str,
    /// Without the query, which may hold secrets.
    pub path: &'a str,
    pub grpc: bool,
    /// As Envoy reported it; shown when it is no SPIFFE id.
    pub peer: Option<&'a str>,
    pub snapshot: &'a Snapshot,
    /// What of all this is written.
    pub redaction: &'a Redaction,
    pub findings: &'a Findings,
    pub trail: &'a Trail,
    pub decided: Decided,
    pub duration: Duration,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    Allowed,
    Refused(Reason),
    /// hopgate answered it in the service's place.
    Answered,
}

impl Decided {
    /// How an evaluation ended. One that still waits for a claim is refused: nothing shows that it is
    /// the first use.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Permitted(_) => Self::Allowed,
            Outcome::Described => Self::Answered,
            Outcome::Refused(reason) => Self::Refused(*reason),
            Outcome::MustClaim(_) => Self::Refused(Reason::InternalError),
        }
    }

    pub(crate) fn reason(self) -> Option<Reason> {
        match self {
            Self::Refused(reason) => Some(reason),
            Self::Allowed | Self::Answered => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Refused(_) => "deny",
            Self::Answered => "answer",
        }
    }
}

/// One decision. Only what the issuer's signature covers stands at the top; what a token merely
/// claims stands under `claimed`, so that a query for a subject never finds a forgery.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    time: String,
    decision: &'static str,
    reason: Option<&'static str>,
    check: Option<&'static str>,
    would_deny: Vec<&'static str>,
    passed: Vec<&'static str>,
    not_asked: Vec<&'static str>,
    enforcement: &'static str,
    decision_id: &'a str,
    trace_id: Option<String>,
    parent_span_id: Option<String>,
    trace_sampled: Option<bool>,
    request_id: Option<Cow<'a, str>>,
    service: Option<&'a str>,
    route: Option<&'a str>,
    risk: Option<&'a str>,
    protocol: &'static str,
    operation: Option<Cow<'a, str>>,
    operation_name: Option<Cow<'a, str>>,
    tenant: Option<Cow<'a, str>>,
    method: Cow<'a, str>,
    path: Option<Cow<'a, str>>,
    peer: Option<Cow<'a, str>>,
    token_verified: bool,
    #[serde(flatten)]
    identity: Identity<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed: Option<Identity<'a>>,
    client_type: Option<&'static str>,
    token_id: Option<String>,
    scheme: Option<&'static str>,
    bound_to: Vec<&'static str>,
    scopes_required: Vec<&'a str>,
    scopes_held: Vec<Cow<'a, str>>,
    acr: Option<Cow<'a, str>>,
    auth_time: Option<i64>,
    policies: Vec<Cow<'a, str>>,
    snapshot: &'a str,
    revocations: Option<&'a str>,
    duration_us: u64,
}

/// Who acts for whom, as one token says.
#[derive(Debug, Default, Serialize)]
struct Identity<'a> {
    issuer: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    client_id: Option<Cow<'a, str>>,
    actor: Option<Cow<'a, str>>,
    actor_chain: Vec<Cow<'a, str>>,
    delegation_depth: usize,
    audience: Vec<Cow<'a, str>>,
    jti: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    #[must_use]
    pub fn new(facts: &Facts<'a>) -> Self {
        let findings = facts.findings;
        let verified = findings.token.verified();
        let claims = findings.token.claims();
        let operation = findings.operation.as_ref();
        let redaction = facts.redaction;
        let identity = |claims: Option<&'a Claims>| claims.map(|claims| Identity::of(claims, redaction));
        let peer = findings.peer.as_ref().map(SpiffeId::as_str).or(facts.peer);
        Self {
            time: humantime::format_rfc3339_millis(facts.time).to_string(),
            decision: facts.decided.name(),
            reason: facts.decided.reason().map(Reason::code),
            check: facts.decided.reason().map(|reason| reason.check().name()),
            would_deny: facts.trail.would_refuse().map(Reason::code).collect(),
            passed: having(facts.trail, Verdict::Passed),
            not_asked: having(facts.trail, Verdict::NotAsked),
            enforcement: enforcement(facts.snapshot),
            decision_id: facts.decision_id,
            trace_id: facts.trace.map(TraceContext::trace_id),
            parent_span_id: facts.trace.map(TraceContext::parent_span_id),
            trace_sampled: facts.trace.map(TraceContext::is_sampled),
            request_id: facts.request_id.and_then(|id| redaction.text(Redactable::RequestId, id)),
            service: findings.service.as_ref().map(|service| service.name.as_ref()),
            route: findings.route.as_ref().map(|route| route.name.as_ref()),
            risk: findings.rule.as_ref().and_then(|rule| rule.risk.as_deref()),
            protocol: protocol(facts),
            operation: operation.and_then(|operation| redaction.operation(operation)),
            operation_name: operation.and_then(|operation| redaction.operation_name(operation)),
            tenant: operation
                .and_then(|operation| operation.tenant.as_deref())
                .and_then(|tenant| redaction.text(Redactable::Tenant, tenant)),
            method: clean(facts.method),
            path: redaction.text(Redactable::Path, facts.path),
            peer: peer.and_then(|peer| redaction.text(Redactable::Peer, peer)),
            token_verified: verified.is_some(),
            identity: identity(claims.filter(|_| verified.is_some())).unwrap_or_default(),
            claimed: identity(claims.filter(|_| verified.is_none())),
            client_type: findings.client_type.map(ClientType::name),
            token_id: verified.map(|token| hex(token.digest().get(..16).unwrap_or_default())),
            scheme: findings.scheme.map(Scheme::name),
            bound_to: verified.iter().flat_map(|token| token.claims().confirmation.names()).collect(),
            scopes_required: findings.scopes_required().iter().map(AsRef::as_ref).collect(),
            scopes_held: verified.map(|token| listed(&token.claims().scopes)).unwrap_or_default(),
            acr: verified
                .and_then(|token| token.claims().acr.as_deref())
                .and_then(|acr| redaction.text(Redactable::Acr, acr)),
            auth_time: verified
                .and_then(|token| token.claims().auth_time)
                .and_then(|time| redaction.number(Redactable::AuthTime, time.as_secs())),
            policies: listed(&findings.judgement.policies),
            snapshot: &facts.snapshot.revision,
            revocations: Some(facts.snapshot.revocations.revision.as_ref()).filter(|revision| !revision.is_empty()),
            duration_us: u64::try_from(facts.duration.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The record as one JSON line, without its end.
    ///
    /// # Errors
    /// Only what `serde_json` finds wrong; a record that can't be written refuses its call.
    pub fn to_line(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = Vec::with_capacity(1536);
        serde_json::to_writer(&mut line, self)?;
        Ok(line)
    }
}

impl<'a> Identity<'a> {
    fn of(claims: &'a Claims, redaction: &Redaction) -> Self {
        let actors = claims.act.actors();
        let chain = cut(actors.len(), actors.iter().map(|actor| unlike_a_hash(named(actor, &claims.issuer))));
        Self {
            issuer: Some(clean(&claims.issuer)),
            subject: redaction.text(Redactable::Subject, &claims.subject),
            client_id: claims.client_id.as_deref().and_then(|id| redaction.text(Redactable::ClientId, id)),
            actor: chain.first().cloned(),
            delegation_depth: actors.len(),
            actor_chain: chain,
            audience: listed(&claims.audience),
            jti: claims.token_id.as_deref().and_then(|id| redaction.text(Redactable::Jti, id)),
        }
    }
}

/// An actor by its `sub`; under another `act.iss` than its token's issuer as `iss#sub`, where a
/// `#` or `%` inside either is escaped, so that no `sub` can read as such a pair.
pub(crate) fn named<'a>(actor: &'a Actor, token_issuer: &str) -> Cow<'a, str> {
    match &actor.issuer {
        Some(issuer) if issuer.as_ref() != token_issuer => {
            Cow::Owned(clean(&format!("{}#{}", unhashed(issuer), unhashed(&actor.subject))).into_owned())
        }
        Some(_) | None if actor.subject.contains(['#', '%']) => {
            Cow::Owned(clean(&unhashed(&actor.subject)).into_owned())
        }
        Some(_) | None => clean(&actor.subject),
    }
}

fn unhashed(text: &str) -> String {
    text.replace('%', "%25").replace('#', "%23")
}

/// What the route speaks; before one is found, what the request looks like.
fn protocol(facts: &Facts<'_>) -> &'static str {
    match &facts.findings.operation {
        Some(operation) => operation.protocol.name(),
        None if facts.grpc => Protocol::Grpc.name(),
        None => Protocol::Http.name(),
    }
}

/// The checks that ended in `verdict`.
fn having(trail: &Trail, verdict: Verdict) -> Vec<&'static str> {
    trail.iter().filter(|(_, found)| *found == verdict).map(|(check, _)| check.name()).collect()
}

fn enforcement(snapshot: &Snapshot) -> &'static str {
    let observing = Check::ALL.into_iter().any(|check| snapshot.enforcement.mode(check) == Mode::Observe);
    if observing { "observe" } else { "enforce" }
}

/// The first [`MAX_ITEMS`] of `items`, cleaned, and a mark where there are more.
fn listed(items: &[Box<str>]) -> Vec<Cow<'_, str>> {
    cut(items.len(), items.iter().map(|item| clean(item)))
}

fn cut<'a>(len: usize, items: impl Iterator<Item = Cow<'a, str>>) -> Vec<Cow<'a, str>> {
    let more = (len > MAX_ITEMS).then_some(Cow::Borrowed("…"));
    items.take(MAX_ITEMS).chain(more).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble & 0xf)).copied().map_or('?', char::from);
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(*byte));
    }
    text
}
