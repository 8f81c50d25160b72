//! agentgateway as a client. No registry has its program, so these are checks of the shape that its source makes
//! (github.com/agentgateway/agentgateway, commit 75b4e6ce6e0e, `crates/agentgateway/src/http/ext_authz.rs`), with the settings of
//! `k8s/agentgateway/config.yaml`.

use std::collections::HashMap;
use std::path::Path;

use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request, TlsSession};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use serde_json::{Value, json};

use super::manifests::documents;
use crate::support::{Answer, Gate, Plan, certificate, spiffe};

const LISTENER: &str = "/binds/0/listeners/0";
const EXT_AUTHZ: &str = "/binds/0/listeners/0/routes/0/policies/extAuthz";

/// A call as agentgateway reports it.
struct Call {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static [u8],
    peer: Option<&'static str>,
}

impl Call {
    fn get(path: &'static str, token: &str) -> Self {
        let headers = vec![("authorization", format!("Bearer {token}"))];
        Self { method: "GET", path, headers, body: b"", peer: Some("planner") }
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn message(mut self, config: &Value) -> CheckRequest {
        let transformations = &config.pointer(LISTENER).unwrap()["policies"]["transformations"]["request"];
        for removed in transformations["remove"].as_array().unwrap() {
            self.headers.retain(|(name, _)| name != removed);
        }
        // The values are expressions of CEL; here each is a text.
        for (name, value) in transformations["set"].as_object().unwrap() {
            let value = value.as_str().unwrap().trim_matches('"').to_owned();
            self.headers.retain(|(known, _)| known != name);
            self.headers.push((name.clone().leak(), value));
        }
        let filter = config.pointer(EXT_AUTHZ).unwrap();
        let context = &filter["protocol"]["grpc"]["context"];
        let mut http = HttpRequest {
            id: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            method: self.method.to_owned(),
            path: self.path.to_owned(),
            host: "agents.example.com".to_owned(),
            scheme: "https".to_owned(),
            protocol: "HTTP/2".to_owned(),
            size: i64::try_from(self.body.len()).unwrap(),
            ..HttpRequest::default()
        };
        for (name, value) in [(":method", self.method), (":path", self.path), (":scheme", "https")] {
            http.headers.insert(name.to_owned(), value.to_owned());
        }
        for (name, value) in self.headers {
            // Repeated ones are joined, cookies by `; ` and all else by `, `.
            let known = http.headers.entry(name.to_owned()).or_default();
            *known = if known.is_empty() { value } else { format!("{known}, {value}") };
        }
        if filter["includeRequestBody"]["packAsBytes"] == true {
            http.raw_body = self.body.to_vec();
        } else if filter.get("includeRequestBody").is_some() {
            http.body = String::from_utf8_lossy(self.body).into_owned();
        }
        CheckRequest {
            attributes: Some(AttributeContext {
                // Never a certificate.
                source: Some(Peer { principal: self.peer.map(spiffe).unwrap_or_default(), ..Peer::default() }),
                request: Some(Request { http: Some(http), ..Request::default() }),
                context_extensions: context
                    .as_object()
                    .map(|all| {
                        all.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
                    })
                    .unwrap_or_default(),
                tls_session: Some(TlsSession { sni: "agents.example.com".to_owned() }),
                metadata_context: Some(envoy_types::pb::envoy::config::core::v3::Metadata {
                    filter_metadata: HashMap::default(),
                    ..Default::default()
                }),
                ..AttributeContext::default()
            }),
        }
    }
}

fn written() -> Value {
    documents(Path::new("k8s/agentgateway/config.yaml")).remove(0)
}

async fn ask(gate: &Gate, config: &Value, call: Call) -> Answer {
    Answer::of(gate.send(call.message(config)).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_that_a_call_could_pass_by_are_closed() {
    let config = written();
    let filter = config.pointer(EXT_AUTHZ).unwrap();
    assert_eq!(filter["failureMode"], json!({ "denyWithStatus": 503 }));
    assert!(filter["protocol"]["grpc"].is_object(), "{filter}");
    assert_eq!(filter["includeRequestBody"]["allowPartialMessage"], false);
    for absent in ["includeRequestHeaders", "cache"] {
        assert!(filter.get(absent).is_none(), "{absent}");
    }
    assert!(config.pointer(LISTENER).unwrap()["tls"]["root"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_scopes_and_services_are_checked() {
    let mut gate = Plan::new().start();
    let config = written();
    let token = gate.token();
    let allowed = ask(&gate, &config, Call::get("/bound", &token)).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    assert_eq!(gate.record(&allowed)["peer"], json!(spiffe("planner")));
    for (call, reason) in [
        (Call { peer: Some("researcher"), ..Call::get("/bound", &token) }, "caller_not_actor"),
        (Call { peer: None, ..Call::get("/bound", &token) }, "peer_unknown"),
        (Call::get("/nowhere", &token), "route_unknown"),
        (Call::get("/invoices%2f7", &token), "path_ambiguous"),
        (Call::get("//bound", &token), "path_ambiguous"),
        (Call::get("/bound", &token).header("authorization", &format!("Bearer {token}")), "header_repeated"),
    ] {
        let answer = ask(&gate, &config, call).await;
        assert_eq!(answer.reason, reason, "{answer:?}");
    }
    let mut elsewhere = config.clone();
    elsewhere.pointer_mut(EXT_AUTHZ).unwrap()["protocol"]["grpc"]["context"]["service"] = json!("nobody");
    assert_eq!(ask(&gate, &elsewhere, Call::get("/bound", &token)).await.reason, "service_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_body_decides_and_one_that_is_not_marked_refuses() {
    let tools = json!([{
        "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "search": { "scopes": ["invoices:read"] } },
    }]);
    let gate = Plan::new().set("/services/0/routes", tools).start();
    let config = written();
    let token = gate.token();
    let call = |body: &'static [u8]| {
        Call { method: "POST", body, ..Call::get("/mcp", &token) }
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2025-11-25")
    };
    let search = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{}}}"#;
    let delete = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete","arguments":{}}}"#;
    let allowed = ask(&gate, &config, call(search)).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    let refused = ask(&gate, &config, call(delete)).await;
    assert_eq!(refused.status, 403, "{refused:?}");

    // What an operator may have left out of the file.
    let spoiled = |change: fn(&mut Value)| {
        let mut config = written();
        change(&mut config);
        config
    };
    let unmarked = spoiled(|config| {
        config.pointer_mut(LISTENER).unwrap()["policies"]["transformations"]["request"]["set"] = json!({});
    });
    assert_eq!(ask(&gate, &unmarked, call(search)).await.reason, "body_missing");
    let as_text = spoiled(|config| {
        config.pointer_mut(EXT_AUTHZ).unwrap()["includeRequestBody"]["packAsBytes"] = json!(false);
    });
    assert_eq!(ask(&gate, &as_text, call(search)).await.reason, "body_rewritten");
    let without = spoiled(|config| {
        config.pointer_mut(EXT_AUTHZ).unwrap().as_object_mut().unwrap().remove("includeRequestBody");
    });
    assert_ne!(ask(&gate, &without, call(search)).await.status, 200);
}

/// agentgateway reports no certificate, so a token that is bound to one can't be used behind it; one bound to a DPoP key can.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_certificate_is_refused() {
    let gate = Plan::new().start();
    let token = gate.mint(&crate::support::tokens::with("cnf", json!({ "x5t#S256": certificate::THUMBPRINT })));
    let forged = format!("Hash={}", "0".repeat(64));
    let call = Call::get("/invoices", &token).header("x-forwarded-client-cert", &forged);
    let answer = ask(&gate, &written(), call).await;
    assert_eq!(answer.reason, "certificate_missing", "{answer:?}");
}
