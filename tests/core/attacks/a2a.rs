//! A2A calls that hopgate reads otherwise than the service behind it.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of};

const HEAD: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: agent
    audience: https://invoices.demo.local
    routes:
      - name: agent
"#;

fn with(rest: &str) -> hopgate::live::State {
    state_of(&format!("{HEAD}{rest}"), &[])
}

fn token(details: Value) -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .client_id("app")
        .issued_at(u64::try_from(NOW).unwrap())
        .claim("authorization_details", details)
}

fn passes(ask: &Ask, state: &hopgate::live::State) -> bool {
    matches!(ask.of(state).outcome, Outcome::Permitted(_) | Outcome::MustClaim(_))
}

/// the operator opened JSON-RPC and REST for one tenant; gRPC says its tenant where nobody looks.
#[test]
fn grpc_is_not_spoken_where_it_is_not_configured() {
    let state = with(
        r"
        match: { a2a: { rest: /, tenants: [acme] } }
        methods: { SendMessage: {} }
",
    );
    let ask = Ask { method: "POST", path: "/lf.a2a.v1.A2AService/SendMessage".to_owned(), ..Ask::default() }
        .with("content-type", "application/grpc")
        .token(&token(json!([])));
    assert!(!passes(&ask, &state), "a tenant that nobody read was let through: {:?}", ask.of(&state).outcome);
}

/// the service takes the task from the path, whatever the body says.
#[test]
fn the_id_in_the_path_is_the_id_that_is_approved() {
    let state = with(
        r"
        match: { a2a: { json_rpc: /rpc, rest: / } }
        methods:
          CancelTask: { approval: { type: cancel, match: { id: arguments.id } } }
          CreateTaskPushNotificationConfig: { approval: { type: push, match: { task: arguments.taskId, url: arguments.url } } }
",
    );
    let approved = token(json!([
        { "type": "cancel", "id": "approved" },
        { "type": "push", "task": "approved", "url": "https://ok" },
    ]));
    let cancel = Ask::json("/tasks/victim:cancel", r#"{"id":"approved"}"#).token(&approved);
    assert!(!passes(&cancel, &state), "cancels `victim` with an approval for `approved`");
    let push = Ask::json("/tasks/victim/pushNotificationConfigs", r#"{"taskId":"approved","url":"https://ok"}"#)
        .token(&approved);
    assert!(!passes(&push, &state), "sets a webhook on `victim` with an approval for `approved`");
}

/// to protobuf, `task_id` is `taskId`; Python's reader keeps the last.
#[test]
fn both_spellings_of_a_protobuf_name_are_one_name() {
    let state = with(
        r"
        match: { a2a: { json_rpc: /rpc, rest: / } }
        methods:
          CreateTaskPushNotificationConfig: { approval: { type: push, match: { task: arguments.taskId } } }
          SendMessage: { approval: { type: send, match: { task: arguments.message.taskId } } }
",
    );
    let approved = token(json!([{ "type": "push", "task": "approved" }, { "type": "send", "task": "approved" }]));
    let rpc = |method: &str, params: Value| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        Ask::json("/rpc", message.to_string()).token(&approved)
    };
    let push = rpc(
        "CreateTaskPushNotificationConfig",
        json!({ "taskId": "approved", "task_id": "victim", "url": "https://x" }),
    );
    assert!(!passes(&push, &state));
    let send = rpc("SendMessage", json!({ "message": { "taskId": "approved", "task_id": "victim" } }));
    assert!(!passes(&send, &state));
}

/// an optional argument that is there under its other name is not absent.
#[test]
fn an_optional_argument_in_snake_case_is_not_absent() {
    let state = with(
        r#"
        match: { a2a: { json_rpc: /rpc } }
        methods: { GetTask: { arguments: { id: string, historyLength: "long?" } } }
"#,
    );
    let message =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": { "id": "a", "history_length": 900 } });
    let ask = Ask::json("/rpc", message.to_string()).token(&token(json!([])));
    assert_eq!(ask.refused(&state), Some(Reason::ArgumentInvalid));
}

/// to a server of version 1.0 alone, `v1` before an operation is a tenant.
#[test]
fn v1_is_a_tenant_in_version_1() {
    let state = with(
        r"
        match: { a2a: { rest: /, tenants: [acme] } }
        methods: { SendMessage: {}, GetTask: {} }
",
    );
    let ask = Ask::json("/v1/message:send", "{}").with("a2a-version", "1.0").token(&token(json!([])));
    assert!(!passes(&ask, &state), "tenant `v1` is none of ours");
    let older = Ask::json("/v1/message:send", "{}").with("a2a-version", "0.3").token(&token(json!([])));
    assert!(passes(&older, &state));
}

/// a webhook set within a message is a webhook.
#[test]
fn a_message_sets_no_webhook_where_no_rule_lets_one_be_set() {
    let state = with(
        r"
        match: { a2a: { json_rpc: /rpc, rest: / } }
        methods: { SendMessage: {} }
",
    );
    for configuration in [
        json!({ "taskPushNotificationConfig": { "url": "https://evil" } }),
        json!({ "task_push_notification_config": { "url": "https://evil" } }),
        json!({ "pushNotificationConfig": { "url": "https://evil" } }),
    ] {
        let params = json!({ "message": { "messageId": "1" }, "configuration": configuration });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params });
        let ask = Ask::json("/rpc", message.to_string()).token(&token(json!([])));
        assert!(!passes(&ask, &state), "{configuration}");
        let ask = Ask::json("/message:send", params.to_string()).token(&token(json!([])));
        assert!(!passes(&ask, &state), "{configuration}");
    }
}
