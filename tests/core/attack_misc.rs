//! What a call leaves behind, and what it costs.

use std::time::{Duration, Instant, SystemTime};

use hopgate::audit::{Decided, Facts, Record};
use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of};

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

fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").issued_at(u64::try_from(NOW).unwrap())
}

fn older(method: &str, params: Value) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
}

/// F11: the query of a path is not recorded, as it may hold secrets; nor is that of a resource.
#[test]
fn f11_no_secret_of_a_uri_is_recorded() {
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
            trace_id: None,
            request_id: None,
            method: "POST",
            path: "/mcp",
            grpc: false,
            peer: None,
            snapshot: &state.snapshot,
            findings: &evaluation.findings,
            trail: &evaluation.trail,
            decided: Decided::of(&evaluation.outcome),
            duration: Duration::ZERO,
        });
        let line = String::from_utf8(record.to_line().unwrap()).unwrap();
        assert!(!line.contains("hunter2secret"), "{line}");
    }
}

/// Not a test of a limit: prints what strangers can make hopgate do.
#[test]
#[ignore = "prints"]
fn costs() {
    let state = state();
    let sizes = [4 * 1024, 64 * 1024, 1024 * 1024, 4 * 1024 * 1024];
    for size in sizes {
        let shapes: [(&str, Box<dyn Fn(usize) -> String>); 6] = [
            ("cased objects", Box::new(|n| format!("{{\"x\":[{}]}}", vec![r#"{"A":1}"#; n / 8].join(",")))),
            ("lower objects", Box::new(|n| format!("{{\"x\":[{}]}}", vec![r#"{"a":1}"#; n / 8].join(",")))),
            ("empty arrays", Box::new(|n| format!("{{\"x\":[{}]}}", vec!["[]"; n / 3].join(",")))),
            (
                "members",
                Box::new(|n| {
                    let members: Vec<_> = (0..n / 12).map(|at| format!("\"A{at:x}\":1")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ),
            (
                "non-ascii members",
                Box::new(|n| {
                    let members: Vec<_> = (0..n / 14).map(|at| format!("\"\u{1e9e}{at:x}\":1")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ),
            ("floats", Box::new(|n| format!("{{\"x\":[{}]}}", vec!["1.7976931348623157e-308"; n / 24].join(",")))),
        ];
        for (name, shape) in shapes {
            let body = shape(size);
            let ask = Ask::json("/put", &body);
            let started = Instant::now();
            let refused = ask.refused(&state);
            println!("{size:>8} {name:<18} {:>10.3?} {refused:?}", started.elapsed());
        }
        let ids: Vec<String> = (0..size / 10).map(|at| format!("{at:07}")).collect();
        let ask = older("tools/call", json!({ "name": "a", "arguments": { "ids": ids } })).token(&token());
        let started = Instant::now();
        let refused = ask.refused(&state);
        println!("{size:>8} {:<18} {:>10.3?} {refused:?}", "authorized strings", started.elapsed());
        let ask = older("tools/call", json!({ "name": "a", "arguments": { "ids": [], "note": "x".repeat(size) } }))
            .token(&token());
        let started = Instant::now();
        let refused = ask.refused(&state);
        println!("{size:>8} {:<18} {:>10.3?} {refused:?}", "authorized text", started.elapsed());
    }
}
