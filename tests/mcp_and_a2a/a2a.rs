//! A client and an agent on the A2A SDK, of both versions and all three bindings.

use serde_json::{Value, json};
use testbed::envoy::{Listener, Route, Upstream};
use testbed::{A2aAgent, ports};

use super::stage;
use crate::support::mesh::Mesh;

fn routes() -> Value {
    json!([
        {
            "name": "agent",
            "match": { "a2a": { "json_rpc": "/a2a", "rest": "/a2a/rest", "grpc": true, "tenants": ["*"] } },
            "methods": {
                "SendMessage": { "scopes": ["tasks:send"] },
                "SendStreamingMessage": { "scopes": ["tasks:send"] },
                "GetTask": { "scopes": ["tasks:read"] },
                "SubscribeToTask": { "scopes": ["tasks:read"] },
                "CancelTask": { "scopes": ["tasks:cancel"] },
            },
        },
        { "name": "card", "match": { "method": "GET", "path": "/.well-known/agent-card.json" }, "public": true },
    ])
}

struct Reports {
    mesh: Mesh,
    agent: A2aAgent,
}

impl Reports {
    async fn open() -> Self {
        // The card has Envoy's address, which must therefore be known beforehand.
        let public = ports::free().expect("a port");
        let agent = A2aAgent::start(public).expect("an A2A agent");
        let http = Upstream::at(agent.http());
        let grpc = Upstream { http2: true, ..Upstream::at(agent.grpc()) };
        let listen = |listener: &mut Listener| {
            listener.port = public.port();
            let rpc = |service: &str| Route { unbuffered: true, ..Route::to(grpc.clone()).under(service) };
            listener.routes = vec![rpc("/lf.a2a.v1.A2AService/"), rpc("/a2a.v1.A2AService/"), Route::to(http)];
        };
        let mesh = stage::mesh("reports", routes(), listen).await;
        mesh.gate.until_ready().await;
        Self { mesh, agent }
    }

    fn play(&self, binding: &str, version: &str, steps: &Value) -> Vec<Value> {
        let scenario = json!({
            "agent": format!("http://{}", self.mesh.address), "binding": binding, "version": version, "steps": steps,
        });
        let lines = A2aAgent::play(&scenario).unwrap_or_else(|error| {
            panic!("{error}\nagent: {:?}\nhopgate: {}", self.agent.stderr(), self.mesh.gate.log());
        });
        stage::print(&format!("A2A {version}, {binding}"), &lines);
        lines
    }

    fn token(&self, scopes: &str) -> String {
        stage::token(&self.mesh.gate, scopes)
    }
}

/// What an SDK says of a refusal with this status; the bodies of refusals it only reads by gRPC.
fn said(binding: &str, version: &str, status: u16) -> String {
    match (binding, version) {
        ("GRPC", _) if status == 401 => "gRPC Error UNAUTHENTICATED: ".to_owned(),
        ("GRPC", _) => "gRPC Error PERMISSION_DENIED: ".to_owned(),
        ("JSONRPC", "0.3") => format!("HTTP Error: {status}"),
        (_, _) => format!("HTTP Error {status}: "),
    }
}

async fn a_client_gets_what_its_token_is_for(binding: &str) {
    let mut reports = Reports::open().await;
    for version in ["1.0", "0.3"] {
        let (none, send, more) = ("", "tasks:send", "tasks:send tasks:read tasks:cancel");
        let [none, send, more] = [none, send, more].map(|scopes| reports.token(scopes));
        let steps = json!([
            ["SendMessage", "cats"],
            ["token", none],
            ["SendMessage", "cats"],
            ["token", send],
            ["SendMessage", "cats"],
            ["GetTask", "$task"],
            ["token", more],
            ["GetTask", "$task"],
            ["SendStreamingMessage", "dogs"],
            ["SendMessage", "wait"],
            ["SubscribeToTask", "$task"],
            ["GetExtendedAgentCard"],
            ["CancelTask", "$task"],
        ]);
        let lines = reports.play(binding, version, &steps);
        let error = |line: usize| lines[line]["error"]["message"].as_str().unwrap_or_default().to_owned();
        let refused = [(1, 401), (2, 403), (4, 403), (9, 403)];
        for (line, status) in refused {
            assert_eq!(lines[line]["error"]["type"], "A2AClientError", "{:#}", lines[line]);
            assert!(error(line).starts_with(&said(binding, version, status)), "{:#}", lines[line]);
            if binding != "GRPC" {
                assert_eq!(lines[line]["http"][0]["status"], status, "{:#}", lines[line]);
            }
        }
        assert_eq!(lines[0]["result"]["interfaces"], 6, "the card is for everybody");
        assert_eq!(lines[5]["result"][0]["artifacts"][0]["parts"][0]["text"], "report on cats", "{:#}", lines[5]);
        let streamed = lines[6]["result"].to_string();
        assert!(streamed.contains("report on dogs") && streamed.contains("TASK_STATE_COMPLETED"), "{:#}", lines[6]);
        let state = |line: &Value, pointer: &str| line["result"][0].pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(state(&lines[8], "/task/status/state"), "TASK_STATE_INPUT_REQUIRED", "{:#}", lines[8]);
        assert_eq!(state(&lines[10], "/status/state"), "TASK_STATE_CANCELED", "{:#}", lines[10]);

        if binding == "GRPC" {
            // Envoy puts the body of a refusal where gRPC has its message.
            assert!(error(4).contains("insufficient_scope: "), "{}", error(4));
            let record = reports.mesh.gate.record_where(|record| {
                record["reason"] == "scope_missing" && error(4).contains(record["decision_id"].as_str().unwrap())
            });
            assert_eq!(record["operation"], "GetTask", "{record:#}");
        } else {
            let challenge = lines[4]["http"][0]["headers"]["www-authenticate"].as_str().expect("a challenge");
            assert!(challenge.contains("scope=\"tasks:read\""), "{challenge}");
        }
        let record = reports.mesh.gate.record_where(|record| record["operation"] == "CancelTask");
        assert_eq!((&record["protocol"], &record["subject"]), (&json!("a2a"), &json!("alice")), "{record:#}");
    }
    let calls = [
        "allow",
        "credential_missing",
        "SendMessage scope_missing",
        "SendMessage allow",
        "GetTask scope_missing",
        "GetTask allow",
        "SendStreamingMessage allow",
        "SendMessage allow",
        "SubscribeToTask allow",
        "GetExtendedAgentCard operation_unknown",
        "CancelTask allow",
    ];
    let expected = [calls, calls].concat();
    let decisions = stage::decisions(&mut reports.mesh.gate, expected.len());
    assert_eq!(decisions, expected, "one name for both versions");
    let did = ["report on cats", "report on dogs", "report on wait", "cancel"];
    assert_eq!(reports.agent.did(8).expect("what passed"), [did, did].concat(), "nothing else reached it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_by_json_rpc_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for("JSONRPC").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_by_rest_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for("HTTP+JSON").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_by_grpc_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for("GRPC").await;
}
