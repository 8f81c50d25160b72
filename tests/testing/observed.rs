//! What a check that only observes leaves to the others.

use serde_json::json;

use super::stage::{DONE, Stage};

fn passes(stage: &Stage, cases: &str) {
    let said = stage.table(cases, &[]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
}

/// A hopgate beside an agent, and one route that asks for an approval.
fn stage(enforcement: &serde_json::Value) -> Stage {
    let mut stage = Stage::new();
    let config = &mut stage.plan.config;
    config["enforcement"] = enforcement.clone();
    config["services"][0]["external_urls"] = json!(["https://invoices.demo.local"]);
    config["services"][0]["routes"] = json!([
        { "name": "list", "match": { "method": "GET", "path": "/invoices" }, "scopes": ["invoices:read"] },
        {
            "name": "agent",
            "match": { "a2a": { "json_rpc": "/a2a" } },
            "methods": {
                "SendMessage": { "scopes": ["msg"], "step_up": { "acr_values": ["strong"], "max_age": "5m" }, "risk": "write" },
                "CreateTaskPushNotificationConfig": { "scopes": ["push"], "risk": "read" },
            },
        },
        {
            "name": "pay",
            "match": { "method": "POST", "path": "/pay/{id}" },
            "body": "json",
            "arguments": { "amount": "decimal?" },
            "approval": { "type": "pay", "match": { "amount": "arguments.amount" } },
        },
    ]);
    stage
}

#[test]
fn what_is_called_decides_the_answer_where_what_it_does_besides_is_only_observed() {
    passes(
        &stage(&json!({ "scopes": "observe" })),
        "defaults:
  request: { path: /a2a, a2a: { method: SendMessage, params: { message: {}, configuration: { taskPushNotificationConfig: { url: 'https://hook.example' } } } } }
  token: { claims: { sub: alice, client_id: app, scope: msg } }
cases:
  - name: the step-up is that of the message, and so are the words of the challenge
    expect: { reason: acr_insufficient, scopes_required: [msg], risk: write, challenge: { acr_values: strong, max_age: '300' } }
  - name: and so is the record of what is allowed
    token: { claims: { acr: strong, auth_time: now } }
    expect: { decision: allow, would_deny: [scope_missing], scopes_required: [msg], risk: write }
",
    );
}

#[test]
fn what_enforcing_would_say_is_what_is_said() {
    passes(
        &stage(&json!({ "approval": "observe" })),
        "cases:
  - name: nobody can approve an amount that is not there
    request: { method: POST, path: /pay/1, json: {} }
    token: { claims: { sub: alice, client_id: app } }
    expect: { decision: allow, would_deny: [argument_invalid] }
",
    );
}

#[test]
fn an_approval_that_is_only_observed_uses_up_no_token_however_that_is_written() {
    for enforcement in [
        json!({ "approval": "observe" }),
        json!({ "all": "observe" }),
        json!({ "all": "observe", "approval": "observe" }),
    ] {
        passes(
            &stage(&enforcement),
            "cases:
  - name: the same token twice
    request: { method: POST, path: /pay/1, json: { amount: 1 } }
    token: { claims: { sub: alice, client_id: app } }
    expect: { decision: allow, would_deny: [approval_missing] }
    then: { decision: allow, would_deny: [approval_missing] }
",
        );
    }
    let said = stage(&json!({ "all": "observe", "approval": "enforce" })).table(
        "cases:
  - name: enforced
    request: { method: POST, path: /pay/1, json: { amount: 1 } }
    token: { claims: { sub: alice, client_id: app } }
    expect: approval_missing
",
        &[],
    );
    assert_eq!(said.code, DONE, "{}", said.out);
}

#[test]
fn a_proof_that_is_only_observed_is_used_up_and_who_would_be_refused_is_said() {
    passes(
        &stage(&json!({ "sender": "observe" })),
        "defaults:
  request: { path: /invoices }
  token: { bound: [dpop], claims: { sub: alice, client_id: app, scope: invoices:read } }
cases:
  - name: the same proof twice
    expect: allow
    then: { decision: allow, would_deny: [proof_replayed], not_asked: [caller, step_up, approval, policy, replay] }
  - name: no proof
    proof: { sent: none }
    expect: { decision: allow, would_deny: [proof_missing] }
    then: { decision: allow, would_deny: [proof_missing] }
",
    );
}

#[test]
fn a_policy_takes_no_sender_for_proven_that_is_only_observed() {
    let mut stage = stage(&json!({ "sender": "observe" }));
    std::fs::write(
        stage.file("bound.cedar"),
        "@id(\"bound\") permit (principal, action, resource) when { context.sender_constrained };",
    )
    .unwrap();
    stage.plan.config["policy"] = json!({ "files": ["bound.cedar"] });
    passes(
        &stage,
        "defaults:
  request: { path: /invoices }
  token: { bound: [dpop], claims: { sub: alice, client_id: app, scope: invoices:read } }
cases:
  - name: with its proof
    expect: { decision: allow, policies: [bound] }
  - name: stolen, and sent as Bearer
    request: { headers: { authorization: 'Bearer <token>' } }
    proof: { sent: none }
    expect: { reason: policy_denied, would_deny: [bound_token_as_bearer] }
  - name: bound to what nobody knows
    token: { bound: [], claims: { cnf: { kid: x } } }
    expect: { reason: policy_denied, would_deny: [binding_unsupported] }
",
    );
}
