//! One thing under several names, several things under one.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, load, state_of};

const HEAD: &str = "listen: unix:/run/x.sock\nissuers: [{ issuer: \"http://127.0.0.1:9000\", jwks: { file: jwks.json } }]\nservices:\n  - name: docs\n    audience: https://invoices.demo.local\n    routes:\n";

/// to a server that does not tell letter cases apart, or takes a slash behind, these are the guarded ones.
#[test]
fn a_public_route_does_not_take_another_spelling_of_a_guarded_one() {
    for (public, guarded, path) in [
        ("/{page}", "/admin", "/Admin"),
        ("/{*rest}", "/invoices/{id}", "/invoices/7/"),
        ("/{*rest}", "/invoices/{id}", "/Invoices/7"),
        ("/docs/{name}", "/docs/private", "/docs/PRIVATE"),
        ("/{a}/{b}", "/docs/{name}", "/DOCS/7"),
    ] {
        let config = format!(
            "{HEAD}      - {{ name: open, match: {{ method: GET, path: \"{public}\" }}, public: true }}\n      - {{ name: guarded, match: {{ method: GET, path: \"{guarded}\" }}, scopes: [x] }}\n"
        );
        if load(&config, &[]).is_err() {
            continue;
        }
        let outcome = Ask::get(path).of(&state_of(&config, &[])).outcome;
        assert!(!matches!(outcome, Outcome::Permitted(_)), "{public} {guarded} {path}");
    }
}

#[test]
fn a_public_route_takes_what_is_its_own() {
    let config = format!(
        "{HEAD}      - {{ name: logo, match: {{ method: GET, path: /files/logo.png }}, public: true }}\n      - {{ name: files, match: {{ method: GET, path: \"/files/{{*rest}}\" }}, scopes: [x] }}\n      - {{ name: site, match: {{ methods: [GET, HEAD], path: \"/{{*rest}}\" }}, public: true }}\n      - {{ name: home, match: {{ method: GET, path: / }}, public: true }}\n"
    );
    let state = state_of(&config, &[]);
    let open = |ask: Ask| matches!(ask.of(&state).outcome, Outcome::Permitted(_));
    for path in ["/files/logo.png", "/about", "/About/", "/", "/Assets/Logo.PNG"] {
        assert!(open(Ask::get(path)), "{path}");
    }
    for path in ["/files/other", "/Files/other", "/FILES/x/"] {
        assert!(!open(Ask::get(path)), "{path}");
    }
    let head = |path: &str| Ask { method: "HEAD", path: path.to_owned(), ..Ask::default() };
    assert!(open(head("/about")));
    assert!(!open(head("/files/other")), "a server answers it by what it has for GET");
}

/// which of the two is approved?
#[test]
fn a_parameter_has_its_name_once() {
    let config = format!(
        "{HEAD}      - {{ name: x, match: {{ method: GET, path: \"/x/{{id}}/y/{{id}}\" }}, approval: {{ type: t, match: {{ id: path.id }} }} }}\n"
    );
    assert!(load(&config, &[]).is_err());
}

fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").issued_at(u64::try_from(NOW).unwrap())
}

/// a webhook under a name that only some readers take for it.
#[test]
fn a_webhook_is_seen_under_every_spelling() {
    let config = format!(
        "{HEAD}      - {{ name: a, match: {{ a2a: {{ json_rpc: /rpc }} }}, methods: {{ SendMessage: {{}} }} }}\n"
    );
    let state = state_of(&config, &[]);
    for (outer, inner) in [
        ("configuration", "pushNotificationConfig"),
        ("Configuration", "pushNotificationConfig"),
        ("configuration", "PushNotificationConfig"),
        ("CONFIGURATION", "task_push_notification_config"),
    ] {
        let params = json!({ "message": { "messageId": "1" }, outer: { inner: { "url": "https://evil" } } });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params });
        let ask = Ask::json("/rpc", message.to_string()).token(&token());
        assert!(!matches!(ask.of(&state).outcome, Outcome::Permitted(_)), "{outer} {inner}");
    }
}

/// what is asked for is what is missing.
#[test]
fn the_rule_that_refuses_is_the_one_that_is_told() {
    let config = format!(
        "{HEAD}      - {{ name: a, match: {{ a2a: {{ json_rpc: /rpc }} }}, methods: {{ SendMessage: {{}}, CreateTaskPushNotificationConfig: {{ scopes: [hooks] }} }} }}\n"
    );
    let state = state_of(&config, &[]);
    let params = json!({ "message": {}, "configuration": { "taskPushNotificationConfig": { "url": "https://x" } } });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params });
    let evaluation = Ask::json("/rpc", message.to_string()).token(&token()).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Refused(Reason::ScopeMissing)));
    assert_eq!(evaluation.findings.scopes_required().iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["hooks"]);
}

/// what a prompt asks for, its completion asks for.
#[test]
fn a_completion_asks_for_what_its_prompt_asks_for() {
    let config = format!(
        "{HEAD}      - {{ name: a, match: {{ mcp: {{ path: /mcp }} }}, methods: {{ completion/complete: {{}} }}, prompts: {{ secret: {{ scopes: [x] }} }} }}\n"
    );
    let params = json!({ "ref": { "type": "ref/prompt", "name": "secret" }, "argument": { "name": "a", "value": "" } });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": params });
    let ask = Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25").token(&token());
    assert_eq!(ask.refused(&state_of(&config, &[])), Some(Reason::ScopeMissing));
}

/// a tenant that is written is one that can be asked for.
#[test]
fn tenants_mean_what_they_say() {
    for tenants in [r#"["*", acme]"#, r#"[""]"#, r#"["ac/me"]"#] {
        let config = format!(
            "{HEAD}      - {{ name: a, match: {{ a2a: {{ json_rpc: /rpc, tenants: {tenants} }} }}, methods: {{ SendMessage: {{}} }} }}\n"
        );
        assert!(load(&config, &[]).is_err(), "{tenants}");
    }
}
