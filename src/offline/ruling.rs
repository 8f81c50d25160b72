//! What is decided on a call, and all that would be said of it.

use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;

use crate::audit::{Decided, Facts, Record};
use crate::authz::{self, Evaluation, Findings, Trail};
use crate::clock;
use crate::envoy::decode::Decoded;
use crate::envoy::encode::{self, ToService, Told};
use crate::live::State;
use crate::replay::MemoryStore;

/// No decision of a running hopgate has this id.
const DECISION_ID: &str = "00000000-0000-0000-0000-000000000000";

/// A decision, how each check came to it, the record of it and its answer.
#[derive(Debug)]
pub struct Ruling {
    pub findings: Findings,
    pub trail: Trail,
    pub decided: Decided,
    /// The record as JSON, indented, its fields in their order; without `seq` and `prev`, which a log gives.
    pub record: String,
    pub answer: Answer,
}

/// Header names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The call goes on, with these headers and without those.
    ToService {
        set: Vec<(String, String)>,
        removed: Vec<String>,
    },
    ToCaller {
        status: i32,
        headers: Vec<(String, String)>,
        body: String,
    },
}

/// Rules on one call as of `time`. What may be used once is claimed on `store`.
///
/// # Errors
/// The record can't be written as JSON.
pub fn decide(
    state: &State,
    decoded: &Decoded<'_>,
    store: &MemoryStore,
    time: SystemTime,
) -> Result<Ruling, serde_json::Error> {
    let now = clock::unix(time);
    let mut evaluation = authz::evaluate(&state.snapshot, &decoded.request, now);
    while let Some(claim) = evaluation.next_claim() {
        let claimed = store.claim_now(claim, now);
        evaluation = evaluation.settled(claimed);
    }
    let Evaluation { findings, trail, outcome } = evaluation;
    let ended = Decided::of(&outcome);
    let proof_algorithms = &state.snapshot.proofs.algorithms;
    let told = Told {
        decision_id: DECISION_ID,
        findings: &findings,
        trail: &trail,
        proof_algorithms,
        redaction: &state.redaction,
    };
    let record = Record::new(&Facts {
        time,
        decision_id: DECISION_ID,
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
        duration: Duration::ZERO,
    });
    let record = serde_json::to_string_pretty(&record)?;
    let answer = match ended {
        Decided::Allowed => {
            let ToService { set, remove } = encode::to_service(told, decoded, state.upstream);
            Answer::ToService { set: pairs(set), removed: remove }
        }
        Decided::Answered => {
            let metadata = findings.service.as_ref().and_then(|service| service.metadata.as_ref());
            let body = metadata.map_or(String::new(), |metadata| metadata.document.as_ref().to_owned());
            Answer::ToCaller { status: 200, headers: Vec::new(), body }
        }
        Decided::Refused(reason) => match encode::deny(reason, told, decoded.grpc).http_response {
            Some(HttpResponse::DeniedResponse(denied)) => Answer::ToCaller {
                status: denied.status.map_or(0, |status| status.code),
                headers: pairs(denied.headers),
                body: denied.body,
            },
            Some(HttpResponse::OkResponse(_) | HttpResponse::ErrorResponse(_)) | None => {
                Answer::ToCaller { status: 0, headers: Vec::new(), body: String::new() }
            }
        },
    };
    Ok(Ruling { findings, trail, decided: ended, record, answer })
}

fn pairs(options: Vec<HeaderValueOption>) -> Vec<(String, String)> {
    options.into_iter().filter_map(|option| option.header).map(|header| (header.key, header.value)).collect()
}
