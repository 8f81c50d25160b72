//! The gRPC service: decode, decide, record, encode.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use futures_util::FutureExt as _;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::decode::{Decoded, decode};
use super::encode::{self, Told};
use super::patience::Patience;
use crate::audit::{AuditLog, Decided, Facts, Receipt, Record, RecordRefused, TRACEPARENT, TraceContext};
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

/// What was asked.
struct Asked {
    message: CheckRequest,
    /// The span of Envoy's that asks, where it traces.
    trace: Option<TraceContext>,
}

/// A decision and the state it rests on.
struct Decision {
    state: Arc<State>,
    evaluation: Evaluation,
}

#[tonic::async_trait]
impl Authorization for Checker {
    /// Never an error: Envoy hands those to `failure_mode_allow`.
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let (started, time) = (Instant::now(), SystemTime::now());
        let patience = request.extensions().get::<Patience>().copied();
        let late = patience.is_some_and(Patience::is_over);
        let message = Asked::new(request);
        let decoded = message.decoded();
        let decision = if late { self.refusal(Reason::Overloaded) } else { self.evaluate(&decoded, clock::unix(time)) };
        if !decision.has_to_wait() {
            return Ok(Response::new(self.answer(decision, &decoded, started, time)));
        }
        // A task of its own: the caller may hang up meanwhile, and its call is recorded all the same.
        let checker = self.clone();
        let waited = tokio::spawn(async move { checker.finish(decision, &message, patience, started, time).await });
        Ok(Response::new(waited.await.unwrap_or_else(|_| self.refuse_unseen(Reason::InternalError))))
    }
}

impl Asked {
    fn new(request: Request<CheckRequest>) -> Self {
        let mut said = request.metadata().get_all(TRACEPARENT).iter();
        let trace = said.next().filter(|_| said.next().is_none());
        let trace = trace.and_then(|traceparent| TraceContext::parse(traceparent.as_encoded_bytes()));
        Self { message: request.into_inner(), trace }
    }

    fn decoded(&self) -> Decoded<'_> {
        let mut decoded = decode(&self.message);
        decoded.trace = self.trace.or(decoded.trace);
        decoded
    }
}

impl Decision {
    fn has_to_wait(&self) -> bool {
        self.wants_newer_keys().is_some() || self.evaluation.next_claim().is_some()
    }

    /// The issuer whose token names a key that is not known.
    fn wants_newer_keys(&self) -> Option<&str> {
        match self.evaluation.outcome {
            Outcome::Refused(Reason::KeyUnknown) => {
                self.evaluation.findings.token.claims().map(|claims| claims.issuer.as_ref())
            }
            Outcome::Refused(_) | Outcome::MustClaim(_) | Outcome::Permitted(_) | Outcome::Described => None,
        }
    }
}

impl Checker {
    /// What can't be decided from memory alone. Keys first: the call is decided once more when the
    /// issuer's have been fetched anew, or after waiting for that in vain, as they may have changed
    /// by another call's wish. Then what may be used once is claimed.
    async fn finish(
        &self,
        mut decision: Decision,
        message: &Asked,
        patience: Option<Patience>,
        started: Instant,
        time: SystemTime,
    ) -> CheckResponse {
        let (decoded, now) = (message.decoded(), clock::unix(time));
        if let Some(issuer) = decision.wants_newer_keys() {
            match self.keys.refetch(issuer).await {
                Refetch::Done | Refetch::NotNow => {}
            }
            decision = self.evaluate(&decoded, now);
        }
        let mut decision = self.claim(decision, now).await;
        if patience.is_some_and(Patience::is_gone) {
            // Its caller was refused meanwhile: no record may say that it was allowed.
            decision.evaluation = decision.evaluation.refused(Reason::DeadlineExceeded);
        }
        self.answer(decision, &decoded, started, time)
    }

    /// One evaluation. A panic in it refuses this call and no other.
    fn evaluate(&self, decoded: &Decoded<'_>, now: UnixTime) -> Decision {
        let state = self.live.load();
        let evaluated = catch_unwind(AssertUnwindSafe(|| authz::evaluate(&state.snapshot, &decoded.request, now)));
        if let Ok(evaluation) = evaluated {
            Decision { state, evaluation }
        } else {
            tracing::error!("a check panicked; the call was refused");
            self.refusal(Reason::InternalError)
        }
    }

    /// Claims what may be used once, one after the other, until nothing is left or one is refused.
    async fn claim(&self, mut decision: Decision, now: UnixTime) -> Decision {
        while let Some(claim) = decision.evaluation.next_claim() {
            // Nothing is used up for a call that would then be refused for want of room.
            let settled = if self.audit.has_room_for_allow() {
                let claimed = AssertUnwindSafe(self.replay.claim(claim, now)).catch_unwind().await;
                claimed.map_err(|_panic| Reason::InternalError)
            } else {
                Err(Reason::RecordRefused)
            };
            decision.evaluation = match settled {
                Ok(claimed) => decision.evaluation.settled(claimed),
                Err(reason) => decision.evaluation.refused(reason),
            };
        }
        decision
    }

    fn refusal(&self, reason: Reason) -> Decision {
        let (findings, trail) = (Findings::default(), Trail::default());
        Decision {
            state: self.live.load(),
            evaluation: Evaluation { findings, trail, outcome: Outcome::Refused(reason) },
        }
    }

    /// Records the decision, then says it. An allow whose record is not accepted is refused.
    fn answer(&self, decision: Decision, decoded: &Decoded<'_>, started: Instant, time: SystemTime) -> CheckResponse {
        let Decision { state, evaluation: Evaluation { findings, trail, outcome } } = decision;
        let mut id = Uuid::encode_buffer();
        let decision_id: &str = Uuid::now_v7().hyphenated().encode_lower(&mut id);
        let duration = started.elapsed();
        let ended = Decided::of(&outcome);
        let recorded = self.record(&Facts {
            time,
            decision_id,
            trace: decoded.trace,
            request_id: decoded.request_id,
            method: decoded.request.method,
            path: decoded.path(),
            grpc: decoded.grpc,
            peer: decoded.request.peer,
            snapshot: &state.snapshot,
            redaction: &state.redaction,
            findings: &findings,
            trail: &trail,
            decided: ended,
            duration,
        });
        let (proof_algorithms, redaction) = (&state.snapshot.proofs.algorithms, &state.redaction);
        let told = Told { decision_id, findings: &findings, trail: &trail, proof_algorithms, redaction };
        let metadata = findings.service.as_ref().and_then(|service| service.metadata.as_ref());
        let refused = match (outcome, metadata, ended, recorded) {
            (Outcome::Permitted(permit), _, _, Ok(receipt)) => {
                self.metrics.allowed(&trail, duration);
                return encode::allow(&permit, &receipt, told, decoded, state.upstream);
            }
            (Outcome::Described, Some(metadata), _, Ok(receipt)) => {
                self.metrics.answered(&trail, duration);
                return encode::describe(&receipt, metadata, told);
            }
            // Refused either way; that its record is missing shows in the metric and as a gap.
            (_, _, Decided::Refused(reason), Ok(_) | Err(RecordRefused)) => reason,
            (_, _, Decided::Allowed | Decided::Answered, Ok(_) | Err(RecordRefused)) => Reason::RecordRefused,
        };
        self.metrics.refused(refused, &trail, duration);
        encode::deny(refused, told, decoded.grpc)
    }

    fn record(&self, facts: &Facts<'_>) -> Result<Receipt, RecordRefused> {
        let receipt = Record::new(facts)
            .to_line()
            .map_err(|_| RecordRefused)
            .and_then(|line| self.audit.accept(line, facts.decided != Decided::Allowed));
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
