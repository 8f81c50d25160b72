//! A refusal in the words of JSON-RPC, for callers that look for their answer there.

use serde_json::{Value, json};

use super::encode::Body;
use crate::authz::{Answer, Operation, Protocol, Reason, RequestId};

/// The body of a refusal: as an answer to the request where the call was one of JSON-RPC, and plain
/// elsewhere. Status and challenge are the same; MCP leaves the body to the server ("MAY comprise a
/// JSON-RPC error response").
pub(super) fn dressed(reason: Reason, operation: Option<&Operation>, body: &Body<'_>) -> String {
    let Some(operation) = operation.filter(|operation| operation.json_rpc) else {
        // Three short strings can't fail to be written; without a body the refusal still stands.
        return serde_json::to_string(body).unwrap_or_default();
    };
    json!({
        "jsonrpc": "2.0",
        "id": operation.id.as_ref().map_or(Value::Null, RequestId::to_json),
        "error": { "code": code(reason, operation.protocol), "message": body.error_description, "data": body },
    })
    .to_string()
}

/// Refused by hopgate. In JSON-RPC's range for servers, where neither MCP nor A2A nor their SDKs mean
/// something else (as they do by -32000 to -32009 and -32020 to -32022); what counts is in the status
/// and in `data`.
const REFUSED: i32 = -32010;

/// JSON-RPC's own codes for what it can say, the protocol's for what it names, and ours for the rest.
fn code(reason: Reason, protocol: Protocol) -> i32 {
    match (reason, protocol) {
        (Reason::BodyMalformed, _) => -32700,
        (Reason::CallMalformed | Reason::CallBatched, _) => -32600,
        (Reason::ParamsMalformed | Reason::ArgumentInvalid, _) => -32602,
        (Reason::OperationUnknown, _) => -32601,
        (Reason::HeaderMismatch, Protocol::Mcp) => -32020,
        (Reason::RevisionUnsupported, Protocol::Mcp) => -32022,
        (Reason::RevisionUnsupported, Protocol::A2a) => -32009,
        (other, _) => match other.answer() {
            Answer::Unavailable => -32603,
            Answer::InvalidRequest
            | Answer::ContentTooLarge
            | Answer::UnsupportedMediaType
            | Answer::MethodNotAllowed
            | Answer::NoCredential
            | Answer::InvalidToken
            | Answer::InvalidTokenUnlessProven
            | Answer::InvalidProof
            | Answer::UseNonce
            | Answer::InsufficientUserAuthentication
            | Answer::InsufficientAuthorization
            | Answer::InsufficientScope
            | Answer::ActorUnauthorized
            | Answer::AccessDenied => REFUSED,
        },
    }
}
