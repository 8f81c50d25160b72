//! What must hold for every call, whoever made the proxy's configuration.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::caller::{Caller, Response};
use super::stage::{Stage, id};
use crate::support::tokens;

pub(crate) async fn every_rule(stage: &mut Stage) {
    let planner = stage.caller("planner");
    let researcher = stage.caller("researcher");
    let token = stage.gate().token();
    let bearer = format!("Bearer {token}");

    // The caller is the token's actor, and the service gets what hopgate says, whatever the caller wrote there.
    let forged = [
        ("authorization", bearer.as_str()),
        ("x-hopgate-subject", "mallory"),
        ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/agents/sa/mallory"),
    ];
    let answer = planner.send(Method::GET, "/bound", &forged, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["headers"]["x-hopgate-subject"], json!(["alice"]), "{answer:?}");
    let certificates = answer.body["headers"]["x-forwarded-client-cert"].to_string();
    assert!(!certificates.contains("mallory") && certificates.contains(&id("agents", "planner")), "{certificates}");
    let record = stage.gate().record_where(|record| record["path"] == "/bound");
    assert_eq!(
        (&record["peer"], &record["service"]),
        (&json!(id("agents", "planner")), &json!("invoices")),
        "{record}"
    );

    // Refused by hopgate.
    for (caller, path, token, status) in [
        (&researcher, "/bound", token.as_str(), 401),
        (&planner, "/bound", "no-token", 401),
        (&planner, "/nowhere", token.as_str(), 403),
        (&planner, "/invoices;v=1", token.as_str(), 400),
    ] {
        let answer = caller.get(path, token).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body["decision_id"].is_string(), "{path} was refused by another: {answer:?}");
    }

    // `encode_raw_headers`: bytes arrive as they were sent, and twice is twice.
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    let answer = planner.send(Method::GET, "/open", &twice, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");

    // Paths: what is ambiguous is refused by the proxy, and hopgate sees what the service sees.
    for path in ["/invoices%2f7", "/invoices%5C7", "/open/..%2finvoices"] {
        let answer = planner.get(path, &token).await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert_eq!(answer.body, Value::Null, "{path} came to hopgate");
    }
    let answer = planner.get("//invoices", &token).await;
    assert_eq!((answer.status, &answer.body["path"]), (200, &json!("/invoices")), "{answer:?}");
    stage.gate().record_where(|record| record["path"] == "/invoices" && record["decision"] == "allow");
    let escaped: Vec<_> = stage.gate().service.lines().into_iter().filter(|line| line.contains('%')).collect();
    assert!(escaped.is_empty(), "{escaped:?}");

    bodies(&planner, &bearer).await;
    certificates_bind(stage, &planner, &researcher).await;
}

async fn bodies(planner: &Caller, bearer: &str) {
    assert_eq!(search(planner, bearer).await.status, 200);
    for (name, filler, status) in [("delete", 0, 403), ("search", 70_000, 413)] {
        let answer = tool(planner, bearer, name, filler).await;
        assert_eq!(answer.status, status, "{name} {filler}: {answer:?}");
    }
}

pub(crate) async fn search(planner: &Caller, bearer: &str) -> Response {
    tool(planner, bearer, "search", 0).await
}

async fn tool(planner: &Caller, bearer: &str, name: &str, filler: usize) -> Response {
    let headers =
        [("authorization", bearer), ("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];
    let params = json!({ "name": name, "arguments": { "text": "x".repeat(filler) } });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    planner.send(Method::POST, "/mcp", &headers, call.to_string().into_bytes()).await.unwrap()
}

/// `include_peer_certificate`: RFC 8705.
async fn certificates_bind(stage: &mut Stage, planner: &Caller, researcher: &Caller) {
    let binding = json!({ "x5t#S256": thumbprint(stage) });
    let bound = stage.gate().mint(&tokens::with("cnf", binding));
    for (caller, status) in [(planner, 200), (researcher, 401)] {
        let answer = caller.get("/invoices", &bound).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// Of the planner's certificate, as RFC 8705 has it.
pub(crate) fn thumbprint(stage: &Stage) -> String {
    let pem = std::fs::read_to_string(stage.certificates.join("planner.pem")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &pem.contents))
}

pub(crate) async fn plain_text_is_refused(stage: &Stage) {
    let anybody = Caller::new(stage.address, &stage.certificates, None);
    let answer = anybody.send(Method::GET, "/open", &[], Vec::new()).await;
    assert!(answer.is_err(), "a caller without a certificate got {answer:?}");
    let address = stage.address;
    let plain = reqwest::get(format!("http://{address}/open")).await;
    assert!(plain.is_err(), "plain text was answered: {plain:?}");
}

pub(crate) async fn refuses_without_hopgate(mut stage: Stage) {
    let token = stage.gate().token();
    let planner = stage.caller("planner");
    assert_eq!(planner.get("/open", &token).await.status, 200);
    stage.gate().service.stop().unwrap();
    let answer = planner.get("/open", &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
}

pub(crate) async fn nobody_is_let_in(mut stage: Stage) {
    let token = stage.gate().token();
    let answer = stage.caller("planner").get("/open", &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
}
