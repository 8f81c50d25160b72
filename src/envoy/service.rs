//! The gRPC service: decode, decide, record, encode.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::decode::{Decoded, decode};
use super::encode::{self, Told};
use super::patience::Patience;
use crate::audit::{AuditLog, Facts, Receipt, Record, RecordRefused};
use crate::authz::{self, Findings, Outcome, Permit, Reason, Trail, UnixTime};
use crate::clock;
use crate::jwks::{KeyKeeper, Refetch};
use crate::live::{Live, State};
use crate::metrics::Metrics;
use crate::replay::ReplayStore;

/// Answers `Check`.
#[derive(Clone, Debug)]
pub struct Checker {
    pub live: Arc<Live>,
    pub replay: Arc<dyn ReplayStore>,
    pub keys: Arc<KeyKeeper>,
    pub audit: AuditLog,
    pub metrics: Arc<Metrics>,
}

/// A decision and what it rests on.
struct Decision {
    state: Arc<State>,
    findings: Findings,
    trail: Trail,
    outcome: Result<Permit, Reason>,
}

#[tonic::async_trait]
impl Authorization for Checker {
    /// Never an error: Envoy hands those to `failure_mode_allow`.
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let (started, time) = (Instant::now(), SystemTime::now());
        let late = request.extensions().get::<Patience>().is_some_and(|patience| patience.is_over());
        let message = request.into_inner();
        let decoded = decode(&message);
        let decision = if late { self.refusal(Reason::Overloaded) } else { self.evaluate(&decoded, clock::unix(time)) };
        let Some(issuer) = decision.wants_newer_keys() else {
            return Ok(Response::new(self.answer(decision, &decoded, started, time)));
        };
        // A task of its own: the caller may hang up meanwhile, and its call is recorded all the same.
        let (checker, issuer) = (self.clone(), issuer.to_owned());
        let waited =
            tokio::spawn(async move { checker.decide_with_newer_keys(&message, &issuer, started, time).await });
        Ok(Response::new(waited.await.unwrap_or_else(|_| self.refuse_unseen(Reason::InternalError))))
    }
}

impl Decision {
    /// The issuer whose token names a key that is not known.
    fn wants_newer_keys(&self) -> Option<&str> {
        match self.outcome {
            Err(Reason::KeyUnknown) => self.findings.token.claims().map(|claims| claims.issuer.as_ref()),
            Ok(_) | Err(_) => None,
        }
    }
}

impl Checker {
    /// Decides once more when the issuer's keys have been fetched anew, or after waiting for that
    /// in vain: they may have changed by another call's wish.
    async fn decide_with_newer_keys(
        &self,
        message: &CheckRequest,
        issuer: &str,
        started: Instant,
        time: SystemTime,
    ) -> CheckResponse {
        match self.keys.refetch(issuer).await {
            Refetch::Done | Refetch::NotNow => {}
        }
        let decoded = decode(message);
        let decision = self.evaluate(&decoded, clock::unix(time));
        self.answer(decision, &decoded, started, time)
    }

    /// One evaluation and its claim. A panic in either refuses this call and no other.
    fn evaluate(&self, decoded: &Decoded<'_>, now: UnixTime) -> Decision {
        let state = self.live.load();
        let evaluated = catch_unwind(AssertUnwindSafe(|| {
            let mut evaluation = authz::evaluate(&state.snapshot, &decoded.request, now);
            let outcome = match evaluation.outcome {
                Outcome::Permitted(permit) => Ok(permit),
                Outcome::Refused(reason) => Err(reason),
                // A token is not used up for a call that would then be refused for want of room.
                Outcome::MustClaim(_) if !self.audit.has_room_for_allow() => Err(Reason::RecordRefused),
                Outcome::MustClaim(pending) => {
                    let claimed = self.replay.claim(&pending.claim, now);
                    pending.settle(claimed, &mut evaluation.trail)
                }
            };
            (evaluation.findings, evaluation.trail, outcome)
        }));
        if let Ok((findings, trail, outcome)) = evaluated {
            Decision { state, findings, trail, outcome }
        } else {
            tracing::error!("a check panicked; the call was refused");
            self.refusal(Reason::InternalError)
        }
    }

    fn refusal(&self, reason: Reason) -> Decision {
        let (findings, trail) = (Findings::default(), Trail::default());
        Decision { state: self.live.load(), findings, trail, outcome: Err(reason) }
    }

    /// Records the decision, then says it. An allow whose record is not accepted is refused.
    fn answer(&self, decision: Decision, decoded: &Decoded<'_>, started: Instant, time: SystemTime) -> CheckResponse {
        let Decision { state, findings, trail, outcome } = decision;
        let mut id = Uuid::encode_buffer();
        let decision_id: &str = Uuid::now_v7().hyphenated().encode_lower(&mut id);
        let duration = started.elapsed();
        let recorded = self.record(&Facts {
            time,
            decision_id,
            trace_id: decoded.trace_id,
            request_id: decoded.request_id,
            method: decoded.request.method,
            path: decoded.path(),
            grpc: decoded.grpc,
            peer: decoded.request.peer,
            snapshot: &state.snapshot,
            findings: &findings,
            trail: &trail,
            refused: outcome.as_ref().err().copied(),
            duration,
        });
        let told = Told { decision_id, findings: &findings, trail: &trail };
        let refused = match (outcome, recorded) {
            (Ok(permit), Ok(receipt)) => {
                self.metrics.allowed(&trail, duration);
                return encode::allow(&permit, &receipt, told, decoded, state.upstream);
            }
            (Ok(_), Err(RecordRefused)) => Reason::RecordRefused,
            // Refused either way; that its record is missing shows in the metric and as a gap.
            (Err(reason), Ok(_) | Err(RecordRefused)) => reason,
        };
        self.metrics.refused(refused, &trail, duration);
        encode::deny(refused, told, decoded.grpc)
    }

    fn record(&self, facts: &Facts<'_>) -> Result<Receipt, RecordRefused> {
        let receipt = Record::new(facts)
            .to_line()
            .map_err(|_| RecordRefused)
            .and_then(|line| self.audit.accept(line, facts.refused.is_some()));
        if receipt.is_err() {
            self.metrics.record_refused();
        }
        receipt
    }

    /// The refusal for what never became a decodable request, or broke on the way; recorded as far
    /// as anything is known of it.
    pub(super) fn refuse_unseen(&self, reason: Reason) -> CheckResponse {
        self.answer(self.refusal(reason), &Decoded::default(), Instant::now(), SystemTime::now())
    }
}
