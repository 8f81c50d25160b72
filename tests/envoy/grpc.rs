//! Refusals as a gRPC caller gets them: HTTP 200, and the status in `grpc-status`.

use reqwest::header::HeaderMap;
use serde_json::json;
use testbed::ports;

use crate::support::mesh::Mesh;
use crate::support::tokens::{alice, of, with};
use crate::support::{ISSUER, Plan};

const LIST: &str = "/invoices.v1.Invoices/List";

fn plan(down: &str) -> Plan {
    Plan::new().edit(|config| {
        config["issuers"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "issuer": down, "jwks": { "uri": format!("{down}/jwks") } }));
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(ISSUER);
        }
        let route = json!({ "name": "grpc", "match": { "method": "POST", "path": LIST }, "scopes": ["invoices:read"] });
        config["services"][0]["routes"].as_array_mut().unwrap().push(route);
    })
}

async fn call(mesh: &Mesh, path: &str, content_type: &str, token: Option<&str>) -> (u16, HeaderMap, String) {
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client");
    let mut request = client
        .post(format!("http://{}{path}", mesh.address))
        .header("content-type", content_type)
        .header("te", "trailers")
        .body(vec![0, 0, 0, 0, 0]);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.text().await.expect("a body"))
}

async fn every_refusal(raw: bool) {
    let down = format!("http://{}", ports::free().expect("a port"));
    let mut mesh = Mesh::start(plan(&down), raw).await;
    mesh.gate.until_ready().await;
    let mint = |token| Some(mesh.gate.mint(&token));
    let cases = [
        ("no token", LIST, None, "16", "credential_missing", true),
        ("expired", LIST, mint(with("exp", json!(1))), "16", "token_expired", true),
        ("scope", LIST, mint(alice().scope("x")), "7", "scope_missing", true),
        ("actor", LIST, mint(of("alice").actors(["x"])), "7", "actor_not_allowed", true),
        ("route", "/invoices.v1.Invoices/Drop", mint(alice()), "7", "route_unknown", false),
        ("another package", "/invoices.v2.Invoices/List", mint(alice()), "7", "route_unknown", false),
        ("another case", "/invoices.v1.Invoices/list", mint(alice()), "7", "route_unknown", false),
        ("path", "/invoices.v1.Invoices/List;x", mint(alice()), "3", "path_ambiguous", true),
        ("keys", LIST, mint(with("iss", json!(down))), "14", "keys_unavailable", false),
    ];
    for (name, path, token, grpc_status, reason, challenged) in cases {
        for content_type in ["application/grpc", "application/grpc+proto"] {
            let (status, headers, body) = call(&mesh, path, content_type, token.as_deref()).await;
            let name = format!("{name} (raw: {raw}, {content_type}): {status} {headers:?} {body}");
            let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
            assert_eq!(status, 200, "{name}");
            assert_eq!(header("grpc-status"), Some(grpc_status), "{name}");
            assert_eq!(headers.get_all("grpc-status").iter().count(), 1, "{name}");
            assert_eq!(header("www-authenticate").is_some(), challenged, "{name}");
            assert!(header("content-type").is_some_and(|kind| kind.starts_with("application/grpc")), "{name}");
            assert_eq!(body, "", "{name}");
            let id = header("x-hopgate-decision-id").expect("an id").to_owned();
            let message = header("grpc-message").expect("a message");
            assert!(message.contains(&id) && !message.contains('{'), "{name}");
            let record = mesh.gate.record_where(|record| record["decision_id"] == *id);
            assert_eq!((&record["reason"], &record["protocol"]), (&json!(reason), &json!("grpc")), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_reaches_a_grpc_caller_with_raw_headers() {
    every_refusal(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_reaches_a_grpc_caller_with_joined_headers() {
    every_refusal(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_grpc_to_envoy_gets_an_http_answer_with_a_json_body() {
    let mesh = Mesh::start(plan("http://127.0.0.1:1"), true).await;
    for content_type in
        ["application/grpc-web", "application/grpcfoo", "application/grpc-web+proto", "application/json"]
    {
        let (status, headers, body) = call(&mesh, LIST, content_type, None).await;
        let name = format!("{content_type}: {status} {headers:?} {body}");
        assert_eq!(status, 401, "{name}");
        assert_eq!(headers.get("content-type").and_then(|kind| kind.to_str().ok()), Some("application/json"), "{name}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {name}"));
        assert_eq!(body["error"], "unauthorized", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_that_is_allowed_reaches_the_service() {
    let mut mesh = Mesh::start(plan("http://127.0.0.1:1"), true).await;
    let token = mesh.gate.token();
    let (status, _, body) = call(&mesh, LIST, "application/grpc", Some(&token)).await;
    assert_eq!(status, 200);
    assert!(body.contains(LIST), "the echo, which is no gRPC: {body}");
    assert_eq!(mesh.gate.record_where(|_| true)["route"], "grpc");
}
