//! A2A: one rule an operation, whatever its version, binding and tenant.

use hopgate::authz::{Protocol, Reason};
use serde_json::json;

use crate::support::{Ask, state_of, token};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: agent
    audience: https://invoices.demo.local
    routes:
      - name: agent
        match: { a2a: { json_rpc: /a2a, rest: /a2a/rest, tenants: [acme] } }
        methods: { SendMessage: {}, SendStreamingMessage: {}, GetTask: {}, CancelTask: {}, "*PushNotificationConfig": {} }
  - name: other
    audience: https://invoices.demo.local
    routes:
      - name: agent
        match: { a2a: { json_rpc: /, rest: /, grpc: true, tenants: ["*"] } }
        methods: { SendMessage: {}, GetExtendedAgentCard: {} }
"#;

const READ: Option<Reason> = None;
const UNKNOWN: Option<Reason> = Some(Reason::OperationUnknown);

/// Only the first service: it is the one asked where none is named and there is one.
fn state() -> hopgate::live::State {
    state_of(&CONFIG.replace(&CONFIG[CONFIG.find("  - name: other").unwrap()..], ""), &[])
}

fn other() -> hopgate::live::State {
    let start = CONFIG.find("  - name: agent").unwrap();
    let end = CONFIG.find("  - name: other").unwrap();
    state_of(&CONFIG.replace(&CONFIG[start..end], ""), &[])
}

fn rpc(method: &str, params: serde_json::Value) -> Ask {
    Ask::json("/a2a", json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params }).to_string())
}

#[test]
fn an_operation_has_one_rule_in_both_versions() {
    let state = state();
    for (method, operation) in [
        ("SendMessage", "SendMessage"),
        ("message/send", "SendMessage"),
        ("message/stream", "SendStreamingMessage"),
        ("GetTask", "GetTask"),
        ("tasks/get", "GetTask"),
        ("tasks/cancel", "CancelTask"),
        ("tasks/pushNotificationConfig/set", "CreateTaskPushNotificationConfig"),
    ] {
        let evaluation = rpc(method, json!({})).token(&token()).of(&state);
        let seen = evaluation.findings.operation.clone().unwrap();
        assert_eq!((seen.protocol, &*seen.method), (Protocol::A2a, operation), "{method}");
        assert_eq!(rpc(method, json!({})).tried(&state), READ, "{method}");
    }
    for method in
        ["ListTasks", "tasks/list", "sendMessage", "SENDMESSAGE", "message/Send", "Unheard", "tasks/resubscribe"]
    {
        assert_eq!(rpc(method, json!({})).tried(&state), UNKNOWN, "{method}");
    }
}

#[test]
fn the_rest_binding_is_the_same_operations() {
    let state = state();
    let post = |path: &str| Ask::json(&format!("/a2a/rest{path}"), "{}");
    let get = |path: &str| Ask::get(&format!("/a2a/rest{path}"));
    for ask in [
        post("/message:send"),
        post("/v1/message:send"),
        post("/message:stream"),
        get("/tasks/7"),
        get("/v1/tasks/7"),
        post("/tasks/7:cancel"),
        get("/tasks/7/pushNotificationConfigs/c"),
        post("/message:send").with("content-type", "application/a2a+json"),
    ] {
        assert_eq!(ask.tried(&state), READ, "{} {}", ask.method, ask.path);
    }
    for ask in
        [get("/tasks"), get("/extendedAgentCard"), get("/v1/card"), post("/tasks/7:subscribe"), get("/message:send")]
    {
        assert_eq!(ask.tried(&state), UNKNOWN, "{} {}", ask.method, ask.path);
    }
    // A binding that is not open is no way in by another one's path.
    let grpc = Ask { method: "POST", path: "/a2a/rest/lf.a2a.v1.A2AService/SendMessage".to_owned(), ..Ask::default() };
    assert_eq!(grpc.with("content-type", "application/grpc").tried(&state), UNKNOWN);
    // For a server the path says which task: so the body must not say another.
    let cancel = |body: &str| Ask::json("/a2a/rest/tasks/7:cancel", body).tried(&state);
    assert_eq!(cancel(r#"{"id":"7"}"#), READ);
    for body in [r#"{"id":"8"}"#, r#"{"ID":"7"}"#, r#"{"id":7}"#] {
        assert_eq!(cancel(body), Some(Reason::ParamsMalformed), "{body}");
    }
    // To a server that decodes first, this is a cancellation.
    assert_eq!(get("/tasks/7%3Acancel").tried(&state), Some(Reason::PathAmbiguous));
    // Version 0.3 sends no body here; without its length it may only not have been attached.
    let bare = Ask { method: "POST", path: "/a2a/rest/v1/tasks/7:cancel".to_owned(), ..Ask::default() };
    assert_eq!(bare.clone().with("content-length", "0").tried(&state), READ);
    assert_eq!(bare.with("content-length", "2").tried(&state), Some(Reason::ContentTypeWrong));
}

#[test]
fn a_tenant_is_one_of_ours_wherever_it_is_written() {
    let state = state();
    let unknown = Some(Reason::TenantUnknown);
    assert_eq!(rpc("SendMessage", json!({ "tenant": "acme" })).tried(&state), READ);
    assert_eq!(rpc("SendMessage", json!({ "tenant": "" })).tried(&state), READ);
    assert_eq!(rpc("SendMessage", json!({ "tenant": "evil" })).tried(&state), unknown);
    assert_eq!(rpc("SendMessage", json!({ "Tenant": "evil" })).tried(&state), Some(Reason::ParamsMalformed));
    assert_eq!(rpc("SendMessage", json!({ "tenant": 7 })).tried(&state), Some(Reason::ParamsMalformed));
    assert_eq!(Ask::json("/a2a/rest/acme/message:send", "{}").tried(&state), READ);
    assert_eq!(Ask::json("/a2a/rest/evil/message:send", "{}").tried(&state), unknown);
    assert_eq!(Ask::get("/a2a/rest/acme/tasks/7?tenant=acme").tried(&state), READ);
    // Named where the service does not look, it would be another one here than there.
    for ask in [
        Ask::json("/a2a/rest/message:send", r#"{"tenant":"acme"}"#),
        Ask::get("/a2a/rest/tasks/7?tenant=acme"),
        Ask::get("/a2a/rest/acme/tasks/7?tenant="),
        rpc("message/send", json!({ "tenant": "acme" })),
        rpc("SendMessage", json!({ "tenant": "acme" })).at("/a2a?tenant=evil"),
    ] {
        assert_eq!(ask.tried(&state), Some(Reason::ParamsMalformed), "{}", ask.path);
    }
    let two = Ask::json("/a2a/rest/acme/message:send", r#"{"tenant":"evil"}"#);
    assert_eq!(two.tried(&state), Some(Reason::ParamsMalformed));
    let seen = Ask::get("/a2a/rest/acme/tasks/7").token(&token()).of(&state).findings.operation.unwrap();
    assert_eq!(seen.tenant.as_deref(), Some("acme"));
}

#[test]
fn a_version_is_one_that_is_known() {
    let state = state();
    for (method, version) in
        [("SendMessage", "1.0"), ("SendMessage", " 1.0 "), ("message/send", "0.3"), ("message/send", "")]
    {
        assert_eq!(rpc(method, json!({})).with("a2a-version", version).tried(&state), READ, "{method} {version}");
    }
    for (method, version) in [("SendMessage", "0.3"), ("SendMessage", ""), ("message/send", "1.0")] {
        let tried = rpc(method, json!({})).with("a2a-version", version).tried(&state);
        assert_eq!(tried, Some(Reason::RevisionUnsupported), "{method} {version}");
    }
    for version in ["2.0", "1", "1.0, 0.3", "\u{661}.0"] {
        let refused = rpc("SendMessage", json!({})).with("a2a-version", version).tried(&state);
        assert_eq!(refused, Some(Reason::RevisionUnsupported), "{version}");
    }
    let ask = Ask::get("/a2a/rest/tasks/7?A2A-Version=0.3").with("a2a-version", "1.0");
    assert_eq!(ask.tried(&state), Some(Reason::RevisionUnsupported));
}

#[test]
fn the_grpc_binding_is_the_same_operations() {
    let state = other();
    let ask = |path: &str| {
        Ask { method: "POST", path: path.to_owned(), ..Ask::default() }
            .with("content-type", "application/grpc")
            .tried(&state)
    };
    assert_eq!(ask("/lf.a2a.v1.A2AService/SendMessage"), READ);
    assert_eq!(ask("/a2a.v1.A2AService/SendMessage"), READ);
    assert_eq!(ask("/a2a.v1.A2AService/GetAgentCard"), READ);
    assert_eq!(ask("/lf.a2a.v1.A2AService/CancelTask"), UNKNOWN);
    assert_eq!(ask("/lf.a2a.v1.A2AService/message:send"), UNKNOWN);
    assert_eq!(Ask::json("/", r#"{"jsonrpc":"2.0","id":1,"method":"SendMessage"}"#).tried(&state), READ);
    assert_eq!(Ask::json("/message:send", "{}").tried(&state), READ);
    assert_eq!(Ask::json("/x/message:send", "{}").tried(&state), READ, "any tenant");
    // By the path of the gRPC binding, it is gRPC.
    let json = Ask::json("/lf.a2a.v1.A2AService/SendMessage", "{}");
    assert_eq!(json.tried(&state), Some(Reason::ContentTypeWrong));
}
