//! What a call leaves behind.

use std::time::{Duration, SystemTime};

use hopgate::audit::{Decided, Facts, Record};
use serde_json::{Value, json};

use crate::support::{Ask, state_of};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
policy: { files: [a.cedar] }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        resources: { "https://*": {} }
        tools: { a: { arguments: { ids: strings, note: "string?" } } }
      - { name: put, match: { method: POST, path: /put }, body: json }
"#;

fn state() -> hopgate::live::State {
    state_of(CONFIG, &[("a.cedar", "permit(principal, action, resource) when { context.delegation_depth == 0 };")])
}

fn older(method: &str, params: Value) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
}

/// the query of a path is not recorded, as it may hold secrets; nor is that of a resource.
#[test]
fn no_secret_of_a_uri_is_recorded() {
    let state = state();
    for uri in [
        "https://bob:hunter2secret@db.example/x",
        "https://store.example/x?X-Amz-Signature=hunter2secret",
        "https://store.example/x#access_token=hunter2secret",
    ] {
        let evaluation = older("resources/read", json!({ "uri": uri })).of(&state);
        let record = Record::new(&Facts {
            time: SystemTime::UNIX_EPOCH,
            decision_id: "x",
            trace: None,
            request_id: None,
            method: "POST",
            path: "/mcp",
            grpc: false,
            peer: None,
            snapshot: &state.snapshot,
            redaction: &state.redaction,
            findings: &evaluation.findings,
            trail: &evaluation.trail,
            decided: Decided::of(&evaluation.outcome),
            duration: Duration::ZERO,
        });
        let line = String::from_utf8(record.to_line().unwrap()).unwrap();
        assert!(!line.contains("hunter2secret"), "{line}");
    }
}
