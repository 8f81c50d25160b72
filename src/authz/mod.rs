//! The decision: may this agent do this, for this person, now?
//!
//! [`evaluate`] is a function of a [`Snapshot`], a [`Request`] and the time. Nothing in this
//! module waits, reads a clock, a file or the environment, or knows of Envoy; a test holds that.
//! The one memory it has, [`VerifiedTokens`], only saves repeating a signature check.
//!
//! The straight line: `request` → `path` → `route` → `credential` → `verified` (which
//! reads `jws`, `claims` and `keys`) → `lifetime` → `audience` → `delegation` →
//! `scopes` → a [`Permit`], or a [`Claim`] to settle first.

#![deny(clippy::disallowed_methods)]

mod agents;
mod algorithm;
mod audience;
mod claims;
mod credential;
mod decision;
mod delegation;
mod json;
mod jws;
mod keys;
mod lifetime;
mod path;
mod reason;
mod request;
mod route;
mod scopes;
mod snapshot;
mod spiffe;
mod time;
mod verified;

use std::sync::Arc;

use aws_lc_rs::digest;

pub use agents::{Agent, AgentIndex, Agents, Ceiling};
pub use algorithm::Algorithm;
pub use claims::{Act, Actor, Claims, Presence, ScopeClaim, Shape, is_scope_token};
pub use decision::{
    Claim, ClaimKey, Claimed, Evaluation, Findings, Outcome, Pending, Permit, TokenSeen, Trail, Verdict,
};
pub use delegation::{Allowed, BindCaller, Delegation, Pair, PairSubject, PriorActors};
pub use json::{Object, parse_object};
pub use keys::{Ignored, KeySet, KeySetError};
pub use path::{Ambiguous, CanonicalPath};
pub use reason::{Answer, Check, Reason};
pub use request::{Field, Request};
pub use route::{RouteConflict, Routes};
pub use snapshot::{Enforcement, Issuer, MAX_CLOCK_SKEW, Mode, Route, Service, Services, Snapshot};
pub use spiffe::SpiffeId;
pub use time::UnixTime;
pub use verified::{TokenDigest, VerifiedToken, VerifiedTokens};

/// Decides one call. What passes everything but hangs on a single use comes back as
/// [`Outcome::MustClaim`]; whoever asked claims it and calls [`Pending::settle`].
#[must_use]
pub fn evaluate(snapshot: &Snapshot, request: &Request<'_>, now: UnixTime) -> Evaluation {
    let mut walk = Walk { snapshot, findings: Findings::default(), trail: Trail::default() };
    let outcome = walk.run(request, now).unwrap_or_else(Outcome::Refused);
    Evaluation { findings: walk.findings, trail: walk.trail, outcome }
}

struct Walk<'s> {
    snapshot: &'s Snapshot,
    findings: Findings,
    trail: Trail,
}

impl Walk<'_> {
    /// The checks in their order; the first that refuses decides.
    fn run(&mut self, request: &Request<'_>, now: UnixTime) -> Result<Outcome, Reason> {
        let snapshot = self.snapshot;
        let (path, query) = self.check(Check::Request, well_formed(request))?;
        self.findings.peer = request.peer.and_then(SpiffeId::parse);

        let service =
            self.check(Check::Route, snapshot.services.select(request.service).ok_or(Reason::ServiceUnknown))?;
        self.findings.service = Some(Arc::clone(service));
        if service.routes.hides_a_delimiter(path) {
            return self.check(Check::Request, Err(Reason::PathAmbiguous));
        }
        let route = self.check(Check::Route, service.routes.find(request.method, path).ok_or(Reason::RouteUnknown))?;
        self.findings.route = Some(Arc::clone(route));

        let credential = self.check(Check::Credential, credential::present(request, query))?;
        let token = self.token(credential.0, now)?;
        let claims = token.claims();

        self.enforce(Check::Audience, audience::check(service, claims))?;
        if claims.act == Act::Malformed {
            // Always: observed, it would be read as no delegation.
            return self.check(Check::Delegation, Err(Reason::ActMalformed));
        }
        let chain = delegation::Chain::of(&snapshot.agents, claims);
        self.enforce(Check::Delegation, delegation::check(&route.delegation, service, claims, &chain))?;
        match route.delegation.bind_caller {
            BindCaller::No => self.trail.set(Check::Caller, Verdict::NotAsked),
            BindCaller::Spiffe => {
                let peer = self.findings.peer.as_ref();
                let result = delegation::check_caller(&snapshot.agents, claims, &chain, peer);
                self.enforce(Check::Caller, result)?;
            }
        }
        if claims.bound {
            return self.check(Check::Sender, Err(Reason::BindingUnsupported));
        }
        self.trail.set(Check::Sender, Verdict::NotAsked);
        self.enforce(Check::Scopes, scopes::check(route, &snapshot.agents, claims, &chain))?;

        if !route.single_use {
            self.trail.set(Check::Replay, Verdict::NotAsked);
            return Ok(Outcome::Permitted(Permit::earned()));
        }
        let claim = self.check(Check::Replay, claim(snapshot, service, claims))?;
        Ok(Outcome::MustClaim(Pending { claim }))
    }

    /// Check 4, keeping what an unverified token says for the record.
    fn token(&mut self, raw: &str, now: UnixTime) -> Result<Arc<VerifiedToken>, Reason> {
        let token = match verified::verify(self.snapshot, raw) {
            Ok(token) => token,
            Err(verified::Rejected { reason, claimed }) => {
                if let Some(claims) = claimed {
                    self.findings.token = TokenSeen::Claimed(Arc::from(claims));
                }
                return self.check(Check::Token, Err(reason));
            }
        };
        self.findings.token = TokenSeen::Verified(Arc::clone(&token));
        // The issuer was there when the token was verified against this same snapshot.
        let issuer = self.snapshot.issuer(&token.claims().issuer).ok_or(Reason::IssuerUnknown);
        self.check(Check::Token, issuer.and_then(|issuer| lifetime::check(issuer, token.claims(), now)))?;
        Ok(token)
    }

    /// A check that always decides: its value, or the end of the walk.
    fn check<T>(&mut self, check: Check, result: Result<T, Reason>) -> Result<T, Reason> {
        match result {
            Ok(value) => {
                self.trail.set(check, Verdict::Passed);
                Ok(value)
            }
            Err(reason) => {
                self.trail.set(check, Verdict::Refused(reason));
                Err(reason)
            }
        }
    }

    /// A check that the operator may have put in `observe`.
    fn enforce(&mut self, check: Check, result: Result<(), Reason>) -> Result<(), Reason> {
        self.trail.note(check, self.snapshot.enforcement.mode(check), result)
    }
}

/// Check 1.
fn well_formed<'a>(request: &Request<'a>) -> Result<(CanonicalPath<'a>, Option<&'a str>), Reason> {
    if request.method.is_empty() || request.target.is_empty() {
        return Err(Reason::RequestIncomplete);
    }
    let split = CanonicalPath::split(request.target).map_err(|Ambiguous(_)| Reason::PathAmbiguous)?;
    credential::single_headers(request)?;
    Ok(split)
}

/// The claim on a single-use token: its id at its issuer, at this service. The id and not the
/// token's text, because an ECDSA signature has a second valid spelling.
fn claim(snapshot: &Snapshot, service: &Service, claims: &Claims) -> Result<Claim, Reason> {
    let token_id = claims.token_id.as_deref().ok_or(Reason::TokenIdMissing)?;
    let skew = snapshot.issuer(&claims.issuer).map_or(MAX_CLOCK_SKEW, |issuer| issuer.clock_skew);
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [service.name.as_ref(), claims.issuer.as_ref(), token_id] {
        // Lengths in front, so that no two triples run together into one text.
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = ClaimKey::default();
    for (to, from) in key.iter_mut().zip(hash.finish().as_ref()) {
        *to = *from;
    }
    // By the issuer's clock, which may be ahead: what says it is just issued may be `skew` old.
    // Without `iat` nothing shows that the token is younger than the store.
    let issued_at = claims.issued_at.map_or(UnixTime::from_secs(i64::MIN), |at| at.before(skew));
    // Not the skew of today: a reload may raise it, and must not revive a token.
    Ok(Claim { key, issued_at, until: claims.expires_at.after(MAX_CLOCK_SKEW) })
}
