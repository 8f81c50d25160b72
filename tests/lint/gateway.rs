//! k8s/envoy/gateway.yaml at work: a real Envoy with a real hopgate, and a service behind each of its routes.

use std::future::pending;
use std::net::SocketAddr;

use hopgate::dev::echo;
use serde_json::{Value, json};
use testbed::envoy::Envoy;
use tokio::net::TcpListener;

use hopgate::lint::Options;

use super::sample::{Base, Files, findings, lint_text};
use crate::support::plan::set;
use crate::support::{AUDIENCE, Gate, Plan, SOON, eventually, http, tokens};

/// The gateway with its files, its ports and its services somewhere else, and the rest as it stands.
struct Gateway {
    envoy: Envoy,
    gate: Gate,
    _files: Files,
}

async fn service() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(echo::serve(listener, pending()));
    address
}

impl Gateway {
    async fn start() -> Self {
        let plan = Plan::new().edit(|config| {
            let mcp = json!([{
                "name": "mcp",
                "match": { "mcp": { "path": "/mcp" } },
                "tools": { "search_*": { "scopes": ["docs:read"] }, "delete_document": { "scopes": ["docs:delete"] } },
            }]);
            let docs = json!({ "name": "docs", "audience": "https://agents.example.com/mcp", "routes": mcp });
            config["services"].as_array_mut().unwrap().push(docs);
            config["agents"][0]["scopes"] = json!(["*"]);
        });
        let gate = plan.start();
        gate.until_ready().await;

        let files = Files::new();
        let mut config: Value = serde_saphyr::from_str(&files.placed(&Base::Gateway.text())).unwrap();
        set(&mut config, "/admin/address/socket_address/port_value", json!(0));
        for at in 0..2 {
            let address = format!("/static_resources/listeners/{at}/address/socket_address");
            set(&mut config, &address, json!({ "address": "127.0.0.1", "port_value": 0 }));
        }
        let endpoint = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
        set(&mut config, &format!("/static_resources/clusters/0/{endpoint}/pipe/path"), json!(gate.socket()));
        for at in 1..=2 {
            let (cluster, to) = (format!("/static_resources/clusters/{at}"), service().await);
            let address = json!({ "socket_address": { "address": to.ip(), "port_value": to.port() } });
            set(&mut config, &format!("{cluster}/{endpoint}"), address);
            // The mesh behind the gateway has tests of its own.
            set(&mut config, &format!("{cluster}/transport_socket"), Value::Null);
        }
        let envoy = Envoy::start_bootstrap("gateway", &config, 1).expect("a running Envoy");
        Self { envoy, gate, _files: files }
    }

    /// What the gateway answers: status and body.
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        // The certificate is one of the mesh, with a SPIFFE id and no host name.
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().expect("a client");
        let url = format!("https://{}{path}", self.envoy.address("gateway").expect("the listener"));
        let mut request = client.request(method.parse().expect("a method"), url).timeout(SOON);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("mcp-protocol-version", "2025-11-25").json(body);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or_else(|_| text.into()))
    }
}

fn tools_call(name: &str, padding: usize) -> Value {
    let arguments = json!({ "query": "x".repeat(padding) });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_lets_through_what_hopgate_allows_and_nothing_else() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.gate.token();
    let docs = tokens::alice().scope("docs:read");
    let docs = gateway.gate.mint(&docs.audiences(&["https://agents.example.com/mcp".to_owned()]));

    let dump = lint_text(&gateway.envoy.ask_admin("/config_dump").unwrap(), &Options::default());
    assert_eq!(findings(&dump).len(), 1, "as its file: {dump:#?}");
    assert_eq!(dump.managers, 2);

    let (status, echoed) = gateway.call("GET", "/invoices", Some(&alice), None).await;
    assert_eq!(status, 200, "{echoed}");
    assert_eq!(echoed["headers"]["x-hopgate-service"], json!(["invoices"]));
    assert_eq!(echoed["headers"].get("authorization"), None, "the token stays here");

    let (status, echoed) = gateway.call("POST", "/mcp", Some(&docs), Some(&tools_call("search_documents", 0))).await;
    assert_eq!(status, 200, "{echoed}");
    assert_eq!(echoed["headers"]["x-hopgate-service"], json!(["docs"]));
    let record = gateway.gate.record_where(|record| record["operation_name"] == "search_documents");
    assert_eq!((&record["decision"], &record["service"]), (&json!("allow"), &json!("docs")));
    // A body near the limit, larger than what Envoy holds unasked.
    let (status, _) = gateway.call("POST", "/mcp", Some(&docs), Some(&tools_call("search_documents", 60_000))).await;
    assert_eq!(status, 200);

    for (name, method, path, token, body, refused) in [
        ("no token", "GET", "/invoices", None, None, 401),
        ("a token for the other service", "GET", "/invoices", Some(&docs), None, 401),
        ("the other way round", "POST", "/mcp", Some(&alice), Some(tools_call("search_documents", 0)), 401),
        ("a tool that needs more", "POST", "/mcp", Some(&docs), Some(tools_call("delete_document", 0)), 403),
        ("a tool that nobody configured", "POST", "/mcp", Some(&docs), Some(tools_call("refund", 0)), 403),
        ("a body over the limit", "POST", "/mcp", Some(&docs), Some(tools_call("search_documents", 70_000)), 413),
        ("a path of hopgate's alone", "GET", "/invoices/7/void", Some(&alice), None, 403),
        ("a path that two readers read differently", "GET", "/invoices%2f7", Some(&alice), None, 400),
        ("a path of nobody", "GET", "/admin", Some(&alice), None, 404),
    ] {
        let (status, said) = gateway.call(method, path, token.map(String::as_str), body.as_ref()).await;
        assert_eq!(status, refused, "{name}: {said}");
    }

    for (path, resource) in [("", AUDIENCE), ("/mcp", "https://agents.example.com/mcp")] {
        let (status, document) =
            gateway.call("GET", &format!("/.well-known/oauth-protected-resource{path}"), None, None).await;
        assert_eq!((status, &document["resource"]), (200, &json!(resource)), "{document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_whose_hopgate_is_gone_lets_nothing_through_and_is_not_ready() {
    let mut gateway = Gateway::start().await;
    let ready = |envoy: &Envoy| http::get(envoy.address("readiness").unwrap(), "/healthz/ready").status;
    assert_eq!(ready(&gateway.envoy), 200);
    let token = gateway.gate.token();
    gateway.gate.service.kill().unwrap();
    assert_eq!(gateway.call("GET", "/invoices", Some(&token), None).await.0, 503);
    eventually("not ready", async || (ready(&gateway.envoy) == 503).then_some(())).await;
}
