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
use crate::authz::{self, Evaluation, Findings, Outcome, Reason, Trail, UnixTime};
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
    outcome: Outcome,
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
        if !decision.must_wait() {
            return Ok(Response::new(self.answer(decision, &decoded, started, time)));
        }
        // A task of its own: the caller may hang up meanwhile, and its call is recorded all the same.
        let checker = self.clone();
        let waited = tokio::spawn(async move { checker.wait_and_answer(&message, decision, started, time).await });
        Ok(Response::new(waited.await.unwrap_or_else(|_| self.refuse_unseen(Reason::InternalError))))
    }
}

impl Decision {
    /// The issuer whose token names a key that is not known.
    fn wants_newer_keys(&self) -> Option<&str> {
        match self.outcome {
            Outcome::Refused(Reason::KeyUnknown) => self.findings.token.claims().map(|claims| claims.issuer.as_ref()),
            Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Refused(_) => None,
        }
    }

    fn must_wait(&self) -> bool {
        matches!(self.outcome, Outcome::MustClaim(_)) || self.wants_newer_keys().is_some()
    }
}

impl Checker {
    /// Decides once more when the issuer's keys have been fetched anew, or after waiting for that
    /// in vain (they may have changed by another call's wish); then claims, where that is asked.
    async fn wait_and_answer(
        &self,
        message: &CheckRequest,
        mut decision: Decision,
        started: Instant,
        time: SystemTime,
    ) -> CheckResponse {
        let decoded = decode(message);
        if let Some(issuer) = decision.wants_newer_keys() {
            match self.keys.refetch(issuer).await {
                Refetch::Done | Refetch::NotNow => {}
            }
            decision = self.evaluate(&decoded, clock::unix(time));
        }
        let decision = self.settle(decision, clock::unix(time)).await;
        self.answer(decision, &decoded, started, time)
    }

    /// One evaluation. A panic in it refuses this call and no other.
    fn evaluate(&self, decoded: &Decoded<'_>, now: UnixTime) -> Decision {
        let state = self.live.load();
        let evaluated = catch_unwind(AssertUnwindSafe(|| authz::evaluate(&state.snapshot, &decoded.request, now)));
        if let Ok(Evaluation { findings, trail, outcome }) = evaluated {
            Decision { state, findings, trail, outcome }
        } else {
            tracing::error!("a check panicked; the call was refused");
            self.refusal(Reason::InternalError)
        }
    }

    /// Claims the token of a call that would pass.
    async fn settle(&self, decision: Decision, now: UnixTime) -> Decision {
        let Decision { state, findings, mut trail, outcome } = decision;
        let outcome = match outcome {
            // A token is not used up for a call that would then be refused for want of room.
            Outcome::MustClaim(_) if !self.audit.has_room_for_allow() => Outcome::Refused(Reason::RecordRefused),
            Outcome::MustClaim(pending) => {
                let claimed = self.replay.claim(&pending.claim, now).await;
                pending.settle(claimed, &mut trail).map_or_else(Outcome::Refused, Outcome::Permitted)
            }
            Outcome::Permitted(_) | Outcome::Refused(_) => outcome,
        };
        Decision { state, findings, trail, outcome }
    }

    fn refusal(&self, reason: Reason) -> Decision {
        let (findings, trail) = (Findings::default(), Trail::default());
        Decision { state: self.live.load(), findings, trail, outcome: Outcome::Refused(reason) }
    }

    /// Records the decision, then says it. An allow whose record is not accepted is refused.
    fn answer(&self, decision: Decision, decoded: &Decoded<'_>, started: Instant, time: SystemTime) -> CheckResponse {
        let Decision { state, findings, trail, outcome } = decision;
        let outcome = match outcome {
            Outcome::Permitted(permit) => Ok(permit),
            Outcome::Refused(reason) => Err(reason),
            // It was never claimed.
            Outcome::MustClaim(_) => Err(Reason::InternalError),
        };
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
