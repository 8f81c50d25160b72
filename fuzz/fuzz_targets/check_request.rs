//! Any bytes as Envoy's question. Whatever decodes is answered by a denial that Envoy will take for one, and recorded as one
//! line of clean JSON: no input holds a signature of the issuer, so none may pass.

#![no_main]

use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use hopgate::audit::{Decided, Facts, Record};
use hopgate::authz::{Evaluation, Outcome, evaluate};
use hopgate::envoy::decode::decode;
use hopgate::envoy::encode::{Told, deny};
use hopgate_fuzz::{STATE, now};
use libfuzzer_sys::fuzz_target;
use prost::Message as _;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = CheckRequest::decode(bytes) else { return };
    let decoded = decode(&message);
    let Evaluation { findings, trail, outcome } = evaluate(&STATE.snapshot, &decoded.request, now());
    let reason = match outcome {
        Outcome::Refused(reason) => reason,
        // The metadata of the service is public.
        Outcome::Described => return,
        Outcome::Permitted(_) | Outcome::MustClaim(_) => panic!("a call without a signed token was allowed"),
    };
    let told = Told {
        decision_id: "00000000-0000-0000-0000-000000000000",
        findings: &findings,
        trail: &trail,
        proof_algorithms: &STATE.snapshot.proofs.algorithms,
        redaction: &STATE.redaction,
    };

    let response = deny(reason, told, decoded.grpc);
    assert_ne!(response.status.as_ref().map_or(0, |status| status.code), 0, "status 0 allows");
    let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else { panic!("not a denial") };
    assert!(denied.status.as_ref().is_some_and(|status| (400..600).contains(&status.code)));
    for header in denied.headers.iter().filter_map(|option| option.header.as_ref()) {
        assert!(header.value.bytes().all(|b| matches!(b, b' '..=b'~')), "`{}` is no header value", header.key);
    }
    assert!(CheckResponse::decode(response.encode_to_vec().as_slice()).is_ok());

    let line = Record::new(&Facts {
        time: SystemTime::UNIX_EPOCH,
        decision_id: told.decision_id,
        trace: decoded.trace,
        request_id: decoded.request_id,
        method: decoded.request.method,
        path: decoded.path(),
        grpc: decoded.grpc,
        peer: decoded.request.peer,
        snapshot: &STATE.snapshot,
        redaction: &STATE.redaction,
        findings: &findings,
        trail: &trail,
        decided: Decided::Refused(reason),
        duration: Duration::ZERO,
    })
    .to_line()
    .expect("a record can be written");
    let text = std::str::from_utf8(&line).expect("a record is UTF-8");
    assert!(!text.chars().any(char::is_control), "a record is one line");
    assert!(serde_json::from_str::<serde_json::Value>(text).is_ok_and(|record| record["decision"] == "deny"));
});
