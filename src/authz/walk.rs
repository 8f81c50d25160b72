//! The straight line: every check in its turn, the first that refuses decides.

use std::sync::Arc;
use std::time::Duration;

use super::claims::{Act, Claims};
use super::client_type::ClientType;
use super::confirmation::Confirmation;
use super::credential::{self, Credential, Scheme};
use super::decision::{Claim, Claimable, Evaluation, Findings, Outcome, Pending, Permit, TokenSeen, Trail, Verdict};
use super::delegation::{self, BindCaller};
use super::parameters::{self, Parameters};
use super::path::{Ambiguous, CanonicalPath};
use super::proof::Proof;
use super::protocol::{Sent, Speaks};
use super::reason::{Answer, Check, Reason};
use super::request::Request;
use super::rule::Rule;
use super::snapshot::{MAX_CLOCK_SKEW, Mode, Service, Snapshot};
use super::spiffe::SpiffeId;
use super::time::UnixTime;
use super::verified::{self, VerifiedToken};
use super::{approval, audience, lifetime, policy, scopes, sender, step_up};

/// Decides one call. What passes everything but hangs on a single use comes back as
/// [`Outcome::MustClaim`]; whoever asked claims it and calls [`Evaluation::settled`].
#[must_use]
pub fn evaluate(snapshot: &Snapshot, request: &Request<'_>, now: UnixTime) -> Evaluation {
    let mut walk = Walk { snapshot, findings: Findings::default(), trail: Trail::default(), sender_is_proven: false };
    let outcome = walk.run(request, now).unwrap_or_else(Outcome::Refused);
    Evaluation { findings: walk.findings, trail: walk.trail, outcome }
}

struct Walk<'s> {
    snapshot: &'s Snapshot,
    findings: Findings,
    trail: Trail,
    /// Whether the token is bound, and came from whom it is bound to; also where that is only observed.
    sender_is_proven: bool,
}

/// A call whose token is good: to whom, what is asked of it, who it is from.
#[derive(Clone, Copy)]
struct Called<'a> {
    service: &'a Service,
    rule: &'a Rule,
    /// What is asked of what else the call does.
    also: Option<&'a Arc<Rule>>,
    claims: &'a Claims,
    chain: &'a delegation::Chain,
}

impl<'a> Called<'a> {
    /// Every rule that the call must satisfy.
    fn rules(&self) -> impl Iterator<Item = &'a Rule> + use<'a> {
        std::iter::once(self.rule).chain(self.also.map(AsRef::as_ref))
    }
}

impl Walk<'_> {
    /// The checks in their order; the first that refuses decides.
    fn run(&mut self, request: &Request<'_>, now: UnixTime) -> Result<Outcome, Reason> {
        let snapshot = self.snapshot;
        let (path, query) = self.check(Check::Request, well_formed(request))?;
        self.findings.peer = request.peer.and_then(SpiffeId::parse);
        self.findings.scheme = Scheme::of(request);

        let service =
            self.check(Check::Route, snapshot.services.select(request.service).ok_or(Reason::ServiceUnknown))?;
        self.findings.service = Some(Arc::clone(service));
        if service.routes.hides_a_delimiter(path) {
            return self.check(Check::Request, Err(Reason::PathAmbiguous));
        }
        if service.metadata.as_ref().is_some_and(|metadata| metadata.is_asked_for(request.method, path)) {
            return Ok(Outcome::Described);
        }
        let found = service.routes.find(request.method, path).ok_or(Reason::RouteUnknown);
        let (route, parameters) = self.check(Check::Route, found)?;
        self.findings.route = Some(Arc::clone(route));
        self.findings.operation = route.speaks.expected(request.method, path);
        if matches!(route.speaks, Speaks::Public) {
            if service.routes.may_be_guarded(request.method, path) {
                return self.check(Check::Request, Err(Reason::PathAmbiguous));
            }
            self.trail.skip(Check::Credential..=Check::Replay);
            return Ok(Outcome::Permitted(Permit::earned()));
        }

        let credential = self.check(Check::Credential, credential::present(request, query))?;
        let token = self.token(credential.token, now)?;
        let claims = token.claims();

        self.enforce(Check::Audience, audience::check(service, claims))?;
        let chain = delegation::Chain::of(&snapshot.agents, claims);
        let revoked = snapshot.revocations.check(&snapshot.agents, claims, &chain);
        self.enforce(Check::Revocation, revoked)?;

        // Not before: a body costs time to read, and would tell strangers what may be called.
        let sent = Sent { request, path, query, body_limit: snapshot.body_limit };
        let asked = route.speaks.read(&sent, &mut self.findings.operation);
        let asked = asked.or_else(|reason| self.check(reason.check(), Err(reason)))?;
        let rule = asked.rule;
        self.findings.rule = Some(Arc::clone(rule));
        let called = Called { service, rule, also: asked.also, claims, chain: &chain };
        self.age(&called, now)?;
        self.actors(&called)?;
        let proof = self.sender(&called, &sent, credential, now)?;
        self.scopes(&called)?;
        self.step_up(&called, now)?;

        // Not before: what a call must look like is for those who may make it.
        let arguments = asked.arguments.as_ref();
        parameters::check(&rule.arguments, arguments).or_else(|reason| self.check(Check::Request, Err(reason)))?;
        let parameters = Parameters { path: &parameters, arguments };
        self.approval(&called, parameters)?;
        self.policy(&called, &sent, parameters, now)?;

        // Last, when all else has passed: a claim can't be taken back.
        let token =
            called.rules().any(|rule| rule.single_use).then(|| token_claim(snapshot, service, claims)).transpose();
        let token = self.check(Check::Replay, token)?;
        let nonce = proof.as_ref().map(|_| snapshot.proofs.nonces.mint(now).into());
        let mode = snapshot.enforcement.mode(Check::Sender);
        let Some(pending) = Pending::of(proof.as_ref().map(proof_claim), mode, token, nonce) else {
            self.trail.set(Check::Replay, Verdict::NotAsked);
            return Ok(Outcome::Permitted(Permit::earned()));
        };
        Ok(Outcome::MustClaim(pending))
    }

    /// Checks 7 and 8.
    fn actors(&mut self, called: &Called<'_>) -> Result<(), Reason> {
        let Called { service, claims, chain, .. } = *called;
        let agents = &self.snapshot.agents;
        if claims.act == Act::Malformed {
            // Always: observed, it would be read as no delegation.
            return self.check(Check::Delegation, Err(Reason::ActMalformed));
        }
        let client_type = ClientType::of(agents, claims);
        self.findings.client_type = Some(client_type);
        let delegated = called.rules().try_for_each(|rule| {
            delegation::check(&rule.delegation, service, claims, chain)?;
            delegation::check_client(rule, client_type)
        });
        self.enforce(Check::Delegation, delegated)?;
        if called.rules().all(|rule| rule.delegation.bind_caller == BindCaller::No) {
            self.trail.set(Check::Caller, Verdict::NotAsked);
            return Ok(());
        }
        let peer = self.findings.peer.as_ref();
        self.enforce(Check::Caller, delegation::check_caller(agents, claims, chain, peer))
    }

    /// Check 10, for what the call does, and for what else it does on the way.
    fn scopes(&mut self, called: &Called<'_>) -> Result<(), Reason> {
        let agents = &self.snapshot.agents;
        let Called { claims, chain, .. } = *called;
        self.findings.scopes_above = scopes::above(called.rule, agents, claims, chain);
        self.each(Check::Scopes, called, |rule| scopes::check(rule, agents, claims, chain))
    }

    /// Check 11.
    fn step_up(&mut self, called: &Called<'_>, now: UnixTime) -> Result<(), Reason> {
        if called.rules().all(|rule| rule.step_up.is_none()) {
            self.trail.set(Check::StepUp, Verdict::NotAsked);
            return Ok(());
        }
        let issuer = self.snapshot.issuer(&called.claims.issuer);
        let skew = issuer.map_or(Duration::ZERO, |issuer| issuer.clock_skew);
        self.each(Check::StepUp, called, |rule| match &rule.step_up {
            None => Ok(()),
            Some(step_up) => step_up::check(step_up, called.claims, skew, now),
        })
    }

    /// Check 12.
    fn approval(&mut self, called: &Called<'_>, parameters: Parameters<'_>) -> Result<(), Reason> {
        let Called { service, rule, claims, .. } = *called;
        let Some(approval) = &rule.approval else {
            self.trail.set(Check::Approval, Verdict::NotAsked);
            return Ok(());
        };
        let audience = service.audiences.first().map_or("", AsRef::as_ref);
        let wanted = match approval.wanted(audience, parameters) {
            Ok(wanted) => wanted,
            // Nobody can approve it. Where approvals are only observed, that is no reason to refuse.
            Err(reason) if self.snapshot.enforcement.mode(Check::Approval) == Mode::Observe => {
                return self.enforce(Check::Approval, Err(reason));
            }
            Err(reason) => return self.check(Check::Request, Err(reason)),
        };
        let verdict = approval::check(&wanted, &service.audiences, claims);
        self.findings.approval = verdict.is_err().then_some(wanted);
        self.enforce(Check::Approval, verdict)
    }

    /// Check 13.
    fn policy(
        &mut self,
        called: &Called<'_>,
        sent: &Sent<'_>,
        parameters: Parameters<'_>,
        now: UnixTime,
    ) -> Result<(), Reason> {
        let Some(policies) = &self.snapshot.policies else {
            self.trail.set(Check::Policy, Verdict::NotAsked);
            return Ok(());
        };
        let mut verdict = Ok(());
        for rule in called.rules() {
            let (judgement, judged) = policies.judge(&policy::Call {
                agents: &self.snapshot.agents,
                service: called.service,
                rule,
                claims: called.claims,
                chain: called.chain,
                peer: self.findings.peer.as_ref().map(SpiffeId::as_str),
                method: sent.request.method,
                path: sent.path.as_str(),
                operation: self.findings.operation.as_ref(),
                parameters,
                sender_is_proven: self.sender_is_proven,
                now,
            });
            verdict = judged;
            if verdict.is_err() {
                self.findings.judgement = judgement;
                break;
            }
            // Each of the rules had to be permitted.
            self.findings.judgement.join(judgement);
        }
        self.enforce(Check::Policy, verdict)
    }

    /// Check 9, and the proof to be used up, where one was given.
    fn sender(
        &mut self,
        called: &Called<'_>,
        sent: &Sent<'_>,
        credential: Credential<'_>,
        now: UnixTime,
    ) -> Result<Option<Proof>, Reason> {
        let Called { service, claims, .. } = *called;
        let required = called.rules().any(|rule| rule.sender_constrained);
        let bearer = credential.scheme == Scheme::Bearer && claims.confirmation == Confirmation::None;
        if bearer && !required {
            self.trail.set(Check::Sender, Verdict::NotAsked);
            return Ok(None);
        }
        let sent = sender::Sent { request: sent.request, path: sent.path.as_str(), credential };
        let peer = self.findings.peer.as_ref();
        let result = sender::check(self.snapshot, service, required, &claims.confirmation, &sent, peer, now);
        if let Err(reason) = &result
            && reason.answer() == Answer::UseNonce
        {
            self.findings.nonce = Some(self.snapshot.proofs.nonces.mint(now).into());
        }
        let (proof, verdict) = match result {
            Ok(proof) => (proof, Ok(())),
            Err(reason) => (None, Err(reason)),
        };
        self.sender_is_proven = verdict.is_ok() && claims.confirmation != Confirmation::None;
        self.enforce(Check::Sender, verdict)?;
        Ok(proof)
    }

    /// What the rule says of the age of the token, the last part of check 4.
    fn age(&mut self, called: &Called<'_>, now: UnixTime) -> Result<(), Reason> {
        let issuer = self.snapshot.issuer(&called.claims.issuer).ok_or(Reason::IssuerUnknown);
        let young = issuer.and_then(|issuer| {
            called.rules().try_for_each(|rule| lifetime::check_age(issuer, rule.max_token_age, called.claims, now))
        });
        self.check(Check::Token, young)
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
        let timely = issuer.and_then(|issuer| lifetime::check(issuer, token.claims(), now));
        self.check(Check::Token, timely)?;
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

    /// Holds `check` against what the call does, and against what else it does on the way. The rule that refuses is
    /// what the call is answered by; only observed, it is not.
    fn each(
        &mut self,
        check: Check,
        called: &Called<'_>,
        asked: impl Fn(&Rule) -> Result<(), Reason>,
    ) -> Result<(), Reason> {
        let first = asked(called.rule);
        let (Ok(()), Some(also)) = (first, called.also) else { return self.enforce(check, first) };
        self.enforce(check, asked(also)).inspect_err(|_| self.findings.rule = Some(Arc::clone(also)))
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
fn token_claim(snapshot: &Snapshot, service: &Service, claims: &Claims) -> Result<Claim, Reason> {
    let id = claims.token_id.as_deref().ok_or(Reason::TokenIdMissing)?;
    let skew = snapshot.issuer(&claims.issuer).map_or(MAX_CLOCK_SKEW, |issuer| issuer.clock_skew);
    // By the issuer's clock, which may be ahead: what says it is just issued may be `skew` old.
    // Without `iat` nothing shows that the token is younger than the store.
    let issued_at = claims.issued_at.map_or(UnixTime::from_secs(i64::MIN), |at| at.before(skew));
    // Not the skew of today: a reload may raise it, and must not revive a token.
    let until = claims.expires_at.after(MAX_CLOCK_SKEW);
    // By what the token calls the service, and not by what the operator does, which may change: a name,
    // or which of several audiences stands first.
    let here = service.audiences.iter().filter(|audience| claims.audience.contains(audience)).min();
    let place = here.or(service.audiences.first()).map_or("", AsRef::as_ref);
    Ok(Claim::new(Claimable::Token, place, claims.issuer.as_bytes(), id, issued_at, until))
}

/// The claim on a proof: its id under the key that signed it, wherever it is sent. RFC 9449 section
/// 11.1 asks for it by target URL; an id is not to be used twice at all.
fn proof_claim(proof: &Proof) -> Claim {
    Claim::new(Claimable::Proof, "", &proof.key, &proof.id, proof.made_at, proof.until)
}
