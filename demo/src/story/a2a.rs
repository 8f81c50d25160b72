//! The planner asks the researcher by A2A: as JSON-RPC of version 0.3 or as REST, an operation has one rule.

use serde_json::{Value, json};

use super::expected::{allowed, refused, refused_plainly};
use super::row::{Credential, Door, Row};
use crate::names::Workload;

const CARD: &str = "/.well-known/agent-card.json";

pub(super) fn rows() -> Vec<Row> {
    let message = json!({ "message": { "messageId": "1", "role": "user", "parts": [{ "text": "list invoices" }] } });
    let rpc = |row, method: &str, params: &Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        planner(row).call("POST", "/a2a").body(body.to_string())
    };
    let rest = |row, target| planner(row).call("POST", target).body(message.to_string());
    let task = json!({ "id": "7" });
    let unknown = || refused_plainly(403, "operation_unknown");
    vec![
        planner(Row::new("the agent's card, without a token", allowed(&[])))
            .call("GET", CARD)
            .credential(Credential::None),
        planner(Row::new("the same, to be changed", refused_plainly(403, "route_unknown")))
            .call("PUT", CARD)
            .credential(Credential::None),
        rpc(Row::new("message/send, under the rule of SendMessage", allowed(&[])), "message/send", &message),
        rpc(Row::new("tasks/cancel", unknown()), "tasks/cancel", &task),
        rpc(Row::new("CancelTask, as version 1.0 calls it", unknown()), "CancelTask", &task),
        rpc(Row::new("Message/Send, which nobody defined", unknown()), "Message/Send", &message),
        rest(Row::new("POST /message:send", allowed(&[])), "/message:send"),
        rest(Row::new("POST /tasks/7:cancel", unknown()), "/tasks/7:cancel"),
        rest(
            Row::new("POST /tasks/7%3Acancel", refused(400, "invalid_request", "path_ambiguous")),
            "/tasks/7%3Acancel",
        ),
        rest(
            Row::new("POST /acme/message:send, for a tenant it does not have", refused_plainly(403, "tenant_unknown")),
            "/acme/message:send",
        ),
        rest(
            Row::new("POST /message:send without a token", refused_plainly(401, "credential_missing")),
            "/message:send",
        )
        .credential(Credential::None),
    ]
}

fn planner(row: Row) -> Row {
    row.to(Door::Researcher).from(Workload::Planner).token(|token| {
        let token = token.audiences([Workload::Researcher.audience()]).client_id("planner");
        token.scope("research:run invoices:read").actors(["planner"])
    })
}
