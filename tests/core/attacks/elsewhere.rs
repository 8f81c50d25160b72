//! Calls that say or do something beside what they are judged by.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::State;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of};

const HEAD: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
"#;

fn with(rest: &str, files: &[(&str, &str)]) -> State {
    state_of(&format!("{HEAD}{rest}"), files)
}

fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").issued_at(u64::try_from(NOW).unwrap())
}

fn passes(ask: &Ask, state: &State) -> bool {
    matches!(ask.of(state).outcome, Outcome::Permitted(_) | Outcome::MustClaim(_))
}

fn rpc(method: &str, params: Value) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    Ask::json("/rpc", message.to_string())
}

fn agent(methods: &str) -> String {
    format!(
        r"
services:
  - name: agent
    audience: https://invoices.demo.local
    routes:
      - name: agent
        match: {{ a2a: {{ json_rpc: /rpc, rest: /, tenants: [acme] }} }}
        methods: {methods}
"
    )
}

fn with_webhook() -> Ask {
    let params = json!({ "message": { "messageId": "1" }, "configuration": { "taskPushNotificationConfig": { "url": "https://evil" } } });
    rpc("SendMessage", params).token(&token())
}

/// what creating a webhook asks for besides scopes.
#[test]
fn a_webhook_in_a_message_asks_for_all_that_a_webhook_asks_for() {
    for rule in [
        "{ approval: { type: push, match: { url: arguments.url } } }",
        "{ step_up: { acr_values: [phr] } }",
        "{ client_types: [service] }",
        "{ sender_constrained: required }",
        "{ delegation: { require_actor: true } }",
        "{ max_token_age: 1s }",
        "{ arguments: { url: string } }",
    ] {
        let methods = format!("{{ SendMessage: {{}}, CreateTaskPushNotificationConfig: {rule} }}");
        let state = with(&agent(&methods), &[]);
        let issued = u64::try_from(NOW).unwrap() - 40;
        let ask = with_webhook().token(&token().issued_at(issued));
        assert!(!passes(&ask, &state), "{rule}");
    }
    let policy = r#"
permit(principal, action, resource);
forbid(principal, action == Action::"agent/agent/methods/CreateTaskPushNotificationConfig", resource);
"#;
    let config = format!(
        "policy: {{ files: [a.cedar] }}\n{}",
        agent("{ SendMessage: {}, CreateTaskPushNotificationConfig: {} }")
    );
    assert!(!passes(&with_webhook(), &with(&config, &[("a.cedar", policy)])), "policy");
    let single = with(&agent("{ SendMessage: {}, CreateTaskPushNotificationConfig: { single_use: true } }"), &[]);
    assert!(!matches!(with_webhook().of(&single).outcome, Outcome::Permitted(_)), "single use");
}

/// the query of a REST call holds its further arguments.
#[test]
fn an_argument_in_the_query_is_not_absent() {
    let state = with(
        &agent(
            r#"{ GetTask: { arguments: { id: string, historyLength: "long?" } }, ListTasks: { arguments: { contextId: "string?" }, approval: { type: x, match: { c: arguments.contextId } } } }"#,
        ),
        &[],
    );
    assert!(passes(&Ask::get("/tasks/7").token(&token()), &state));
    for query in ["historyLength=x", "history_length=x", "HistoryLength=1.5", "id=8"] {
        let ask = Ask::get(&format!("/tasks/7?{query}")).token(&token());
        assert!(!passes(&ask, &state), "{query}");
    }
    let policy = r#"
permit(principal, action, resource);
forbid(principal, action == Action::"agent/agent/methods/GetTask", resource)
when { context.arguments has historyLength && context.arguments.historyLength > 10 };
"#;
    let config = format!(
        "policy: {{ files: [a.cedar] }}\n{}",
        agent(r#"{ GetTask: { arguments: { id: string, historyLength: "long?" } } }"#)
    );
    let state = with(&config, &[("a.cedar", policy)]);
    assert!(!passes(&Ask::get("/tasks/7?historyLength=900").token(&token()), &state));
    assert!(!passes(&Ask::get("/tasks/7?history_length=900").token(&token()), &state));
}

/// the tenant is where the binding has it.
#[test]
fn a_tenant_that_no_server_reads_is_none() {
    let policy = r#"permit(principal, action, resource) when { context has tenant && context.tenant == "acme" };"#;
    let config = format!("policy: {{ files: [a.cedar] }}\n{}", agent("{ SendMessage: {}, GetTask: {} }"));
    let state = with(&config, &[("a.cedar", policy)]);
    let rest = |method: &'static str, path: &str, body: &str| {
        let ask = if method == "GET" { Ask::get(path) } else { Ask::json(path, body) };
        ask.with("a2a-version", "1.0").token(&token())
    };
    assert!(passes(&rpc("SendMessage", json!({ "tenant": "acme" })).token(&token()), &state));
    assert!(passes(&rest("POST", "/acme/message:send", "{}"), &state));
    assert!(passes(&rest("POST", "/acme/message:send", r#"{"tenant":"acme"}"#), &state));
    let mut queried = rpc("SendMessage", json!({}));
    queried.path = "/rpc?tenant=acme".to_owned();
    for (what, ask) in [
        ("JSON-RPC, in the query", queried.token(&token())),
        ("JSON-RPC 0.3 has none", rpc("message/send", json!({ "tenant": "acme" })).token(&token())),
        ("REST, in the body alone", rest("POST", "/message:send", r#"{"tenant":"acme"}"#)),
        ("REST, in the query alone", rest("GET", "/tasks/7?tenant=acme", "")),
        ("REST, twice in the query", rest("GET", "/tasks/7?tenant=acme&tenant=", "")),
        ("REST, path and empty body", rest("POST", "/message:send?tenant=acme", r#"{"tenant":""}"#)),
    ] {
        assert!(!passes(&ask, &state), "{what}");
    }
}

/// what a service decodes, a policy sees decoded, also in a resource's URI and the path.
#[test]
fn a_policy_sees_names_and_paths_decoded() {
    let state = with(
        r#"
policy: { files: [a.cedar] }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - { name: one, match: { method: GET, path: "/docs/{id}" } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        resources: { "file:///docs/*": {} }
"#,
        &[(
            "a.cedar",
            r#"
permit(principal, action, resource);
forbid(principal, action, resource) when { context has operation_name && context.operation_name like "*q1(final)*" };
forbid(principal, action, resource) when { context.path like "/docs/hr:*" };
"#,
        )],
    );
    let read = |uri: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": uri } });
        Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25").token(&token())
    };
    assert_eq!(read("file:///docs/q1(final).pdf").refused(&state), Some(Reason::PolicyDenied));
    assert!(!passes(&read("file:///docs/q1%28final%29.pdf"), &state), "the same file");
    assert_eq!(Ask::get("/docs/hr:x").token(&token()).refused(&state), Some(Reason::PolicyDenied));
    assert!(!passes(&Ask::get("/docs/hr%3Ax").token(&token()), &state), "the same path");
}

/// one operation, two shapes.
#[test]
fn an_argument_of_version_1_is_not_absent_because_0_3_has_it_elsewhere() {
    let policy = r#"
permit(principal, action, resource);
forbid(principal, action == Action::"agent/agent/methods/CreateTaskPushNotificationConfig", resource)
unless { context.arguments has url && context.arguments.url like "https://ok/*" || !(context.arguments has url) };
"#;
    let config = format!(
        "policy: {{ files: [a.cedar] }}\n{}",
        agent(r#"{ CreateTaskPushNotificationConfig: { arguments: { url: "string?" } } }"#)
    );
    let state = with(&config, &[("a.cedar", policy)]);
    let newer =
        rpc("CreateTaskPushNotificationConfig", json!({ "taskId": "1", "url": "https://evil" })).token(&token());
    assert_eq!(newer.refused(&state), Some(Reason::PolicyDenied));
    let older = json!({ "taskId": "1", "pushNotificationConfig": { "url": "https://evil" } });
    assert!(!passes(&rpc("tasks/pushNotificationConfig/set", older).token(&token()), &state));
}

/// names that people use.
#[test]
fn a_leading_underscore_is_a_name_of_its_own() {
    let state = with(
        r"
services:
  - name: docs
    audience: https://invoices.demo.local
    routes: [{ name: put, match: { method: POST, path: /put }, body: json }]
",
        &[],
    );
    assert!(passes(&Ask::json("/put", r#"{"_id":1,"id":2}"#).token(&token()), &state));
    for body in [r#"{"a_id":1,"aId":2}"#, r#"{"a__id":1,"a_id":2}"#] {
        assert_eq!(Ask::json("/put", body).token(&token()).refused(&state), Some(Reason::BodyMalformed), "{body}");
    }
}

/// to JavaScript, this is no member but what is looked at where a member is missing.
#[test]
fn a_prototype_is_no_argument() {
    let state = with(
        r#"
services:
  - name: docs
    audience: https://invoices.demo.local
    routes: [{ name: put, match: { method: POST, path: /put }, body: json, arguments: { note: "string?" } }]
"#,
        &[],
    );
    let ask = Ask::json("/put", r#"{"__proto__":{"note":"x"}}"#).token(&token());
    assert_eq!(ask.refused(&state), Some(Reason::BodyMalformed));
}
