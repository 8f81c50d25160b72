//! Policies in Cedar: what they see, what they decide, and what is refused at loading.

use hopgate::authz::{Evaluation, Outcome, PolicySchema, Reason};
use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, load, state_of};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
agents:
  - { id: planner, scopes: ["*"] }
  - { id: researcher, scopes: ["*"] }
policy: { files: ["*.cedar"], entities: people.json, claims: { department: string, level: long } }
services:
  - name: docs
    audience: https://invoices.demo.local
    delegation: { unrestricted_prior_actors: true }
    routes:
      - name: one
        match: { method: GET, path: "/docs/{id}" }
        risk: read
      - name: mcp
        match: { mcp: { path: /mcp } }
        methods: { "tools/list": {} }
        tools:
          "search_*": { risk: read }
          refund: { risk: destructive, single_use: true, arguments: { invoice: string, amount: decimal, note: "string?" } }
"#;

const PEOPLE: &str = r#"[
  { "uid": { "type": "User", "id": "alice" }, "attrs": {}, "parents": [{ "type": "Group", "id": "finance" }], "tags": { "team": "blue" } },
  { "uid": { "type": "Group", "id": "finance" }, "attrs": {}, "parents": [] },
  { "uid": { "type": "Group", "id": "sales" }, "attrs": {}, "parents": [] }
]"#;

const PERMIT: &str = r#"@id("all") permit(principal, action, resource);"#;

fn state(policies: &str) -> hopgate::live::State {
    state_of(CONFIG, &[("a.cedar", policies), ("people.json", PEOPLE)])
}

fn token() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .client_id("app")
        .scope("docs:read")
        .actors(["planner"])
        .issued_at(u64::try_from(NOW).unwrap() - 60)
}

fn tool(name: &str, arguments: serde_json::Value) -> Ask {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": arguments } });
    Ask::json("/mcp", message.to_string()).with("mcp-protocol-version", "2025-11-25")
}

fn deciding(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.findings.judgement.policies.iter().map(AsRef::as_ref).collect()
}

fn refund(amount: f64) -> Ask {
    tool("refund", json!({ "invoice": "7", "amount": amount }))
}

#[test]
fn nothing_passes_without_a_permit_and_a_forbid_always_wins() {
    let nobody = state(r#"permit(principal == Agent::"researcher", action, resource);"#);
    assert_eq!(Ask::get("/docs/7").token(&token()).refused(&nobody), Some(Reason::PolicyDenied));

    let state = state(&format!(
        r#"{PERMIT}
        @id("small refunds only")
        forbid(principal, action == Action::"docs/mcp/tools/refund", resource)
        when {{ context.arguments.amount.greaterThan(decimal("500.0")) }};"#
    ));
    assert_eq!(refund(499.99).token(&token()).refused(&state), None);
    let evaluation = refund(500.01).token(&token()).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Refused(Reason::PolicyDenied)));
    assert_eq!(deciding(&evaluation), ["small refunds only"]);
    let evaluation = Ask::get("/docs/7").token(&token()).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Permitted(_)));
    assert_eq!(deciding(&evaluation), ["all"]);
}

#[test]
fn a_policy_that_fails_to_evaluate_refuses_whatever_the_others_say() {
    // Valid, and an overflow for one subject only.
    let state = state(&format!(
        r#"{PERMIT}
        @id("breaks")
        forbid(principal, action, resource)
        when {{ context.delegation_depth + 9223372036854775807 < 0 }};"#
    ));
    let evaluation = Ask::get("/docs/7").token(&token()).of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Refused(Reason::PolicyFailed)));
    assert_eq!(deciding(&evaluation), ["breaks"]);
    assert!(evaluation.findings.judgement.failure.unwrap().contains("overflow"));
}

#[test]
fn policies_see_what_the_call_is() {
    let cases = [
        (r#"principal == Agent::"planner""#, true),
        (r#"resource == Service::"docs""#, true),
        (r#"action in Action::"docs""#, true),
        (r#"action in Action::"docs/mcp""#, true),
        (r#"action in Action::"risk:destructive""#, true),
        (r#"action in Action::"risk:read""#, false),
        (r#"context.subject == User::"alice""#, true),
        (r#"context.subject in Group::"finance""#, true),
        (r#"context.subject in Group::"sales""#, false),
        (r#"context.subject.hasTag("team") && context.subject.getTag("team") == "blue""#, true),
        (r#"context.issuer == "http://127.0.0.1:9000""#, true),
        (r#"context has client_id && context.client_id == "app""#, true),
        (r#"context.client_type == "agent""#, true),
        (r#"context.scopes.contains("docs:read")"#, true),
        (r#"context.scopes.contains("docs")"#, false),
        ("context.delegation_depth == 2", true),
        (r#"context.actors.contains(Agent::"planner") && context.unknown_actors"#, true),
        ("context.prior_actors.isEmpty()", true),
        (r#"context has acr && context.acr == "urn:mfa""#, true),
        ("context has authentication_age && context.authentication_age == 90", true),
        ("context has token_age && context.token_age == 60", true),
        ("context.sender_constrained", false),
        (r#"context.protocol == "mcp" && context.method == "POST" && context.path == "/mcp""#, true),
        (
            r#"context has operation && context.operation == "tools/call" && context has operation_name && context.operation_name == "refund""#,
            true,
        ),
        (r#"context.claims has department && context.claims.department == "finance""#, true),
        ("context.claims has level", false),
        (r#"context.authorization_details.contains({type: "read", identifier: "x"})"#, true),
        (r#"context.authorization_details.contains({type: "wide", identifier: ""})"#, false),
        (r#"context.authorization_details.contains({type: "elsewhere", identifier: ""})"#, false),
    ];
    let token = token()
        .claim("acr", json!("urn:mfa"))
        .claim("auth_time", json!(NOW - 90))
        .claim("department", json!("finance"))
        .actors(["planner", "stranger"])
        .claim(
            "authorization_details",
            json!([
                { "type": "read", "identifier": "x" },
                { "type": "wide", "until": "noon" },
                { "type": "elsewhere", "locations": ["https://elsewhere"] },
            ]),
        );
    for (condition, holds) in cases {
        let state = state(&format!("permit(principal, action, resource) when {{ {condition} }};"));
        let refused = refund(1.0).token(&token).refused(&state);
        assert_eq!(refused.is_none(), holds, "{condition}: {refused:?}");
    }
    // Of one action.
    let one =
        state(r#"permit(principal, action == Action::"docs/one", resource) when { context.parameters.id == "7" };"#);
    assert_eq!(Ask::get("/docs/7").token(&token).refused(&one), None);
    assert_eq!(Ask::get("/docs/8").token(&token).refused(&one), Some(Reason::PolicyDenied));
    let note = state(
        r#"permit(principal, action == Action::"docs/mcp/tools/refund", resource)
        when { context.arguments has note && context.arguments.note like "urgent*" };"#,
    );
    let call = |note: &str| tool("refund", json!({ "invoice": "7", "amount": 1, "note": note })).token(&token);
    assert_eq!(call("urgent!").refused(&note), None);
    assert_eq!(call("later").refused(&note), Some(Reason::PolicyDenied));
    assert_eq!(refund(1.0).token(&token).refused(&note), Some(Reason::PolicyDenied));
}

#[test]
fn without_delegation_the_client_is_the_principal() {
    let state = state(
        r#"permit(principal == Client::"app", action, resource); permit(principal == Agent::"researcher", action, resource);"#,
    );
    let direct = |client: &str| {
        TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id(client).issued_at(u64::try_from(NOW).unwrap())
    };
    assert_eq!(Ask::get("/docs/7").token(&direct("app")).refused(&state), None);
    assert_eq!(Ask::get("/docs/7").token(&direct("researcher")).refused(&state), None);
    assert_eq!(Ask::get("/docs/7").token(&direct("other")).refused(&state), Some(Reason::PolicyDenied));
}

#[test]
fn arguments_are_what_they_are_declared_to_be_before_any_policy_looks() {
    let state = state(PERMIT);
    for arguments in [
        json!({}),
        json!({ "invoice": "7" }),
        json!({ "invoice": 7, "amount": 1 }),
        json!({ "invoice": "7", "amount": "1" }),
        json!({ "invoice": "7", "amount": 0.00001 }),
        json!({ "invoice": "7", "amount": 1, "note": 7 }),
        json!({ "invoice": "7", "amount": 1, "Note": "x" }),
    ] {
        let refused = tool("refund", arguments.clone()).token(&token()).refused(&state);
        assert_eq!(refused, Some(Reason::ArgumentInvalid), "{arguments}");
    }
    // What is not declared is not looked at.
    assert_eq!(tool("search_all", json!({ "x": [1] })).token(&token()).refused(&state), None);
    // A stranger learns nothing of it.
    assert_eq!(tool("refund", json!({})).refused(&state), Some(Reason::CredentialMissing));
}

#[test]
fn a_claim_of_another_kind_refuses() {
    let state = state(PERMIT);
    let odd = token().claim("department", json!(["finance"]));
    assert_eq!(Ask::get("/docs/7").token(&odd).refused(&state), Some(Reason::PolicyFailed));
}

#[test]
fn a_bad_policy_set_does_not_load_and_every_fault_is_told() {
    let faults = |policies: &str, people: &str| {
        let loaded = load(CONFIG, &[("a.cedar", policies), ("people.json", people)]);
        loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for (policies, said) in [
        ("permit(principal, action, resource)", "a.cedar"),
        ("permit(principal == ?principal, action, resource);", "template"),
        (r#"permit(principal == Robot::"x", action, resource);"#, "Robot"),
        (r#"permit(principal, action == Action::"docs/two", resource);"#, "docs/two"),
        ("permit(principal, action, resource) when { context.subjekt == 1 };", "subjekt"),
        (
            "permit(principal, action, resource) when { context.delegation_depth == \"1\" };",
            "line 1: the types Long and String are not compatible",
        ),
        ("permit(principal, action, resource) when { context.arguments.amount.lessThan(decimal(\"1.0\")) };", "amount"),
        ("permit(principal, action, resource) when { context.client_id == \"x\" };", "client_id"),
        ("permit(principal, action, resource) when { context.claims.department == \"x\" };", "department"),
        ("@id(\"x\") permit(principal, action, resource); @id(\"x\") forbid(principal, action, resource);", "`x`"),
        ("permit(principal, action, resource) when { principal == resource };", "a.cedar"),
        (r#"forbid(principal == Agent::"plannr", action, resource);"#, "none of `agents`"),
        (r#"forbid(principal, action, resource == Service::"dogs");"#, "none of `services`"),
        (
            r#"forbid(principal, action, resource) when { context.subject in Group::"salse" };"#,
            "a group that no entity is",
        ),
    ] {
        let found = faults(policies, PEOPLE);
        assert!(found.contains(said), "{policies}\n{found}");
    }
    let two = faults(
        "permit(principal, action, resource) when { context.a == 1 }; permit(principal, action, resource) when { context.b == 1 };",
        PEOPLE,
    );
    assert!(two.contains("`a`") && two.contains("`b`"), "{two}");
    for people in [
        "{",
        "[{}]",
        r#"[{"uid":{"type":"Robot","id":"x"},"attrs":{},"parents":[]}]"#,
        r#"[{"uid":{"type":"User","id":"x"},"attrs":{"a":1},"parents":[]}]"#,
    ] {
        assert!(faults(PERMIT, people).contains("entities"), "{people}: {}", faults(PERMIT, people));
    }
    let missing = load(CONFIG, &[("people.json", PEOPLE)]).unwrap_err();
    assert!(missing.iter().any(|fault| fault.to_string().contains("no file is there for `*.cedar`")), "{missing:?}");
}

#[test]
fn with_several_issuers_names_are_said_with_their_issuer() {
    let config = CONFIG.replace(
        r#"issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]"#,
        r#"issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }, { issuer: "https://other.example", jwks: { file: jwks.json } }]"#,
    );
    let config = config.replace("id: planner,", "id: planner, issuer: \"http://127.0.0.1:9000\",");
    let config = config.replace("id: researcher,", "id: researcher, issuer: \"http://127.0.0.1:9000\",");
    let plain = r#"permit(principal, action, resource) when { context.subject == User::"alice" };"#;
    let faults = load(&config, &[("a.cedar", plain), ("people.json", "[]")]).unwrap_err();
    assert!(faults.iter().any(|fault| fault.to_string().contains("issuer#name")), "{faults:?}");
    let whole = plain.replace("alice", "http://127.0.0.1:9000#alice");
    let state = state_of(&config, &[("a.cedar", &whole), ("people.json", "[]")]);
    assert_eq!(Ask::get("/docs/7").token(&token()).refused(&state), None);
    let other = TokenBuilder::new("https://other.example", "alice", AUDIENCE)
        .client_id("app")
        .issued_at(u64::try_from(NOW).unwrap());
    assert_eq!(Ask::get("/docs/7").token(&other).refused(&state), Some(Reason::PolicyDenied));
}

#[test]
fn the_schema_can_be_printed_and_read_again() {
    let settings = load(CONFIG, &[("a.cedar", PERMIT), ("people.json", PEOPLE)]).unwrap();
    let text = PolicySchema::of(&settings.services, &[]).to_cedar().unwrap();
    assert!(text.contains("docs/mcp/tools/refund") && text.contains("risk:destructive"), "{text}");
}
