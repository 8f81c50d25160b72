//! Configurations that load and mean something else than they say.

use hopgate::authz::{Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, load, state_of};

const HEAD: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
agents: [{ id: planner, scopes: ["*"] }]
"#;

fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").issued_at(u64::try_from(NOW).unwrap())
}

fn passes(ask: &Ask, state: &hopgate::live::State) -> bool {
    matches!(ask.of(state).outcome, Outcome::Permitted(_) | Outcome::MustClaim(_))
}

fn call(name: &str) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name } });
    Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
}

fn said(config: &str, files: &[(&str, &str)]) -> String {
    match load(config, files) {
        Ok(settings) => settings.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// a tool of a class of its own asks for less than its route, and nothing is said.
#[test]
fn a_more_dangerous_tool_does_not_silently_ask_for_less_than_its_route() {
    let config = format!(
        "{HEAD}{}",
        r"
risk:
  write: { sender_constrained: required, step_up: { acr_values: [phr] } }
  destructive: { single_use: true }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        scopes: [docs]
        risk: write
        tools: { read_it: {}, delete_it: { risk: destructive } }
"
    );
    let told = said(&config, &[]);
    assert!(told.lines().any(|line| line.contains("destructive") && line.contains("less")), "{told}");
}

/// what a route says in its own words is not replaced by a tool's class.
#[test]
fn a_class_of_a_tool_does_not_undo_what_the_route_says() {
    let config = format!(
        "{HEAD}{}",
        r"
risk: { write: { step_up: { max_age: 1h } } }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        step_up: { acr_values: [phr] }
        tools: { read_it: {}, write_it: { risk: write } }
"
    );
    let state = state_of(&config, &[]);
    let young = token().claim("auth_time", json!(NOW)).claim("acr", json!("pwd"));
    assert_eq!(call("write_it").token(&young).refused(&state), Some(Reason::AcrInsufficient));
}

/// a policy about somebody who does not exist never applies.
#[test]
fn a_policy_names_agents_and_services_that_are_there() {
    let config = format!(
        "{HEAD}{}",
        r#"
policy: { files: [a.cedar] }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes: [{ name: one, match: { method: GET, path: "/docs/{id}" }, scopes: [docs] }]
"#
    );
    for forbid in [
        r#"forbid(principal == Agent::"plannr", action, resource);"#,
        r#"forbid(principal, action, resource == Service::"dogs");"#,
        r#"forbid(principal, action, resource) when { context.actors.contains(Agent::"plannr") };"#,
    ] {
        let told = said(&config, &[("a.cedar", &format!("permit(principal, action, resource); {forbid}"))]);
        assert!(told.contains("plannr") || told.contains("dogs"), "{forbid}: {told}");
    }
}

/// what a service decodes, a policy sees decoded.
#[test]
fn a_path_parameter_is_what_the_service_makes_of_it() {
    let config = format!(
        "{HEAD}{}",
        r#"
policy: { files: [a.cedar] }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes: [{ name: one, match: { method: GET, path: "/docs/{id}" }, scopes: [] }]
"#
    );
    let policies = r#"
permit(principal, action, resource);
forbid(principal, action == Action::"docs/one", resource) when { context.parameters.id like "hr:*" };
"#;
    let state = state_of(&config, &[("a.cedar", policies)]);
    assert_eq!(Ask::get("/docs/hr:salaries").token(&token()).refused(&state), Some(Reason::PolicyDenied));
    assert!(!passes(&Ask::get("/docs/hr%3Asalaries").token(&token()), &state), "the same document to every framework");
}

/// a pattern that stands for nothing is a mistake, and the looser one beside it takes its place.
#[test]
fn a_pattern_that_can_match_nothing_is_told() {
    let config = format!(
        "{HEAD}{}",
        r#"
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: a2a
        match: { a2a: { json_rpc: /a2a } }
        methods: { "*": {}, "*pushNotificationConfig": { scopes: [admin] } }
      - name: mcp
        match: { mcp: { path: /mcp } }
        methods: { "*": {}, "Logging/*": { scopes: [admin] } }
        tools: { "x": {} }
"#
    );
    let told = said(&config, &[]);
    assert!(told.lines().any(|line| line.contains("*pushNotificationConfig") && !line.contains("scope")), "{told}");
    assert!(told.lines().any(|line| line.contains("Logging/*") && !line.contains("scope")), "{told}");
}

/// of two rules of one name, one would silently win.
#[test]
fn a_name_twice_in_the_file_is_a_fault() {
    let config = format!(
        "{HEAD}{}",
        r"
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        tools:
          a: { scopes: [strict] }
          a: {}
"
    );
    assert!(load(&config, &[]).is_err());
}

/// The star for everything takes every resource, or says that it does not.
#[test]
fn a_lone_star_stands_for_every_resource() {
    let config = format!(
        "{HEAD}{}",
        r#"
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        resources: { "*": {} }
"#
    );
    let state = state_of(&config, &[]);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": { "uri": "file:///a.md" } });
    let ask = Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25").token(&token());
    assert!(passes(&ask, &state), "{:?}", ask.of(&state).outcome);
}

/// two groups of one name are one group to Cedar.
#[test]
fn a_service_is_not_named_like_a_route_or_a_class() {
    let config = format!(
        "{HEAD}{}",
        r#"
policy: { files: [a.cedar] }
services:
  - name: docs
    audience: https://invoices.demo.local
    routes: [{ name: mcp, match: { mcp: { path: /mcp } }, tools: { a: { risk: read } } }]
  - name: docs/mcp
    audience: https://other.demo.local
    routes: [{ name: x, match: { method: GET, path: /x } }]
  - name: "risk:read"
    audience: https://third.demo.local
    routes: [{ name: x, match: { method: GET, path: /x } }]
"#
    );
    let told = load(&config, &[("a.cedar", r#"permit(principal, action in Action::"docs/mcp", resource);"#)]);
    assert!(told.is_err());
}
