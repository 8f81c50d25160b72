//! What a case can say, and that each part of it reaches the decision.

use serde_json::json;

use super::stage::{DONE, OTHERWISE, Stage, table};
use crate::support::certificate;

/// Every case of `cases` is decided as it expects, and none as `expect: allow` where it is not.
fn good(stage: &Stage, cases: &str) {
    let said = stage.table(&table(cases), &[]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
}

#[test]
fn a_call_is_decided_offline_with_keys_that_stand_in_for_the_issuers() {
    good(
        &Stage::new(),
        "
  - { name: good, expect: { decision: allow, subject: alice, scopes_held: [invoices:read] } }
  - { name: no token, token: { sent: none }, expect: { reason: credential_missing, status: 401 } }
  - { name: by planner, request: { path: /acted }, token: { claims: { act: { sub: planner } } }, expect: { decision: allow, actor: planner, delegation_depth: 1 } }
  - { name: no actor, request: { path: /acted }, expect: actor_required }
  - { name: a null is a value of a claim, token: { claims: { act: null } }, expect: act_malformed }
  - { name: the peer by its id, request: { path: /bound, peer: planner }, token: { claims: { act: { sub: planner } } }, expect: allow }
  - { name: another peer, request: { path: /bound, peer: \"spiffe://demo.local/ns/agents/sa/mallory\" }, token: { claims: { act: { sub: planner } } }, expect: caller_not_actor }
  - { name: another service, request: { service: other }, expect: { reason: service_unknown, service: null } }
  - { name: the metadata, request: { path: /.well-known/oauth-protected-resource }, token: { sent: none }, expect: answer }
",
    );
}

#[test]
fn times_are_relative_to_the_time_of_the_case() {
    good(
        &Stage::new(),
        "
  - { name: past, token: { claims: { iat: 10m ago, exp: 1m ago } }, expect: token_expired }
  - { name: not yet, token: { claims: { nbf: in 2m } }, expect: token_not_yet_valid }
  - { name: from the future, token: { claims: { iat: in 2m } }, expect: token_from_future }
  - { name: for too long, token: { claims: { exp: in 1h } }, expect: lifetime_too_long }
  - { name: text is no time, token: { claims: { exp: \"1795521900\" } }, expect: claim_malformed }
  - { name: a time of its own, at: 2020-01-01T00:00:00Z, token: { claims: { exp: 1577836900, auth_time: now } }, expect: { decision: allow, auth_time: 1577836800 } }
",
    );
}

#[test]
fn a_token_can_be_wrong_in_every_way() {
    good(
        &Stage::new().with_second_issuer(),
        "
  - { name: alg none, token: { header: { alg: none }, signature: empty }, expect: algorithm_not_allowed }
  - { name: hmac, token: { signature: hmac }, expect: algorithm_not_allowed }
  - { name: a stranger's key, token: { key: stranger }, expect: { reason: signature_invalid, token_verified: false, claimed: { subject: alice } } }
  - { name: another issuer's key, token: { key: \"https://other.demo.local\" }, expect: signature_invalid }
  - { name: the other issuer itself, token: { issuer: \"https://other.demo.local\" }, expect: { decision: allow, issuer: \"https://other.demo.local\" } }
  - { name: nobody's issuer, token: { claims: { iss: \"https://nobody.demo.local\" } }, expect: issuer_unknown }
  - { name: an algorithm that is not allowed, token: { algorithm: ES384 }, expect: algorithm_not_allowed }
  - { name: broken, token: { signature: broken }, expect: signature_invalid }
  - { name: another type, token: { header: { typ: JWT } }, expect: token_type_wrong }
  - { name: an unknown key, token: { header: { kid: nobody } }, expect: key_unknown }
  - { name: a claim twice, token: { repeat: { sub: mallory } }, expect: token_malformed }
  - { name: a claim missing, token: { without: [jti] }, expect: claim_missing }
  - { name: no type, token: { without_header: [typ] }, expect: token_type_wrong }
  - { name: no token at all, token: { raw: abc }, expect: token_malformed }
  - { name: a part too many, token: { raw: <token>.x }, expect: token_malformed }
  - { name: twice, request: { headers: { authorization: [Bearer <token>, Bearer <token>] } }, expect: header_repeated }
  - { name: in the query too, request: { path: \"/invoices?access_token=<token>\" }, expect: credential_twice }
",
    );
}

#[test]
fn a_token_is_bound_to_a_proof_or_a_certificate_that_the_case_makes() {
    let stage = Stage::new();
    std::fs::write(stage.file("peer.pem"), certificate::CERTIFICATE).expect("written");
    let print = certificate::THUMBPRINT;
    good(
        &stage,
        &format!(
            "
  - {{ name: a proof, token: {{ bound: [dpop] }}, expect: {{ decision: allow, scheme: DPoP, bound_to: [dpop], removed: [dpop] }}, then: proof_replayed, times: 3 }}
  - {{ name: as bearer, request: {{ headers: {{ authorization: Bearer <token> }} }}, token: {{ bound: [dpop] }}, proof: {{ sent: none }}, expect: bound_token_as_bearer }}
  - {{ name: no proof, token: {{ bound: [dpop] }}, proof: {{ sent: none }}, expect: proof_missing }}
  - {{ name: another key, token: {{ bound: [dpop] }}, proof: {{ key: stranger }}, expect: proof_key_mismatch }}
  - {{ name: another url, token: {{ bound: [dpop] }}, proof: {{ claims: {{ htu: \"https://invoices.demo.local/other\" }} }}, expect: proof_target_mismatch }}
  - {{ name: too old, token: {{ bound: [dpop] }}, proof: {{ claims: {{ iat: 10m ago }} }}, expect: proof_expired }}
  - {{ name: no id, token: {{ bound: [dpop] }}, proof: {{ without: [jti] }}, expect: proof_malformed }}
  - {{ name: no proof's type, token: {{ bound: [dpop] }}, proof: {{ header: {{ typ: JWT }} }}, expect: proof_type_wrong }}
  - {{ name: no key in it, token: {{ bound: [dpop] }}, proof: {{ without_header: [jwk] }}, expect: proof_key_unusable }}
  - {{ name: two proofs, request: {{ headers: {{ dpop: [<proof>, <proof>] }} }}, token: {{ bound: [dpop] }}, expect: header_repeated }}
  - {{ name: a certificate, request: {{ certificate: one }}, token: {{ bound: [certificate] }}, expect: {{ decision: allow, bound_to: [mtls] }} }}
  - {{ name: another, request: {{ certificate: two }}, token: {{ claims: {{ cnf: {{ \"x5t#S256\": {print} }} }} }}, expect: certificate_mismatch }}
  - {{ name: of a file, request: {{ certificate: \"@peer.pem\" }}, token: {{ claims: {{ cnf: {{ \"x5t#S256\": {print} }} }} }}, expect: allow }}
  - {{ name: both, request: {{ certificate: one }}, token: {{ bound: [dpop, certificate] }}, expect: {{ decision: allow, bound_to: [dpop, mtls] }} }}
"
        ),
    );
    let said = stage.table(&table("  - { name: none, token: { bound: [certificate] }, expect: allow }\n"), &[]);
    assert_eq!(said.code, OTHERWISE);
    assert!(said.out.contains("none: the call can't be made: a token can't be bound to a certificate"), "{}", said.out);
}

#[test]
fn a_proof_has_the_nonce_that_the_configuration_asks_for() {
    let stage = Stage { plan: Stage::new().plan.set("/dpop", json!({ "require_nonce": true })) };
    good(
        &stage,
        "
  - { name: with ours, token: { bound: [dpop] }, expect: allow }
  - { name: without, token: { bound: [dpop] }, proof: { without: [nonce] }, expect: { reason: proof_nonce_required, challenge: { scheme: DPoP, error: use_dpop_nonce } } }
  - { name: another, token: { bound: [dpop] }, proof: { claims: { nonce: mine } }, expect: proof_nonce_invalid }
",
    );
}

#[test]
fn what_may_be_used_once_is_used_up_within_a_case_and_in_no_other() {
    let refund =
        "request: { method: POST, path: /invoices/7/refund }, token: { claims: { scope: invoices:refund, jti: same } }";
    good(
        &Stage::new(),
        &format!(
            "  - {{ name: one, {refund}, expect: allow, then: token_replayed, times: 2 }}\n  - {{ name: other, {refund}, expect: allow }}\n"
        ),
    );
}

#[test]
fn bodies_are_written_by_protocol() {
    let mcp = json!({ "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "search_*": {} }, "methods": { "tools/list": {} } });
    let a2a = json!({ "name": "agent", "match": { "a2a": { "json_rpc": "/a2a" } }, "methods": { "SendMessage": {} } });
    let pay = json!({ "name": "pay", "match": { "method": "POST", "path": "/pay" }, "body": "json", "arguments": { "amount": "decimal" } });
    let grpc = json!({ "name": "grpc", "match": { "grpc": "demo.v1.Invoices/List" } });
    let stage = Stage { plan: Stage::new().plan.set("/services/0/routes", json!([mcp, a2a, pay, grpc])) };
    good(
        &stage,
        "
  - { name: a tool, request: { path: /mcp, mcp: { tool: search_all, arguments: { q: x } } }, expect: { decision: allow, protocol: mcp, operation_name: search_all } }
  - { name: of an older revision, request: { path: /mcp, mcp: { tool: search_all, revision: 2025-11-25 } }, expect: allow }
  - { name: a method, request: { path: /mcp, mcp: { method: tools/list } }, expect: { decision: allow, operation: tools/list } }
  - { name: a notification, request: { path: /mcp, mcp: { method: notifications/initialized } }, expect: allow }
  - { name: another tool, request: { path: /mcp, mcp: { tool: drop } }, expect: tool_unknown }
  - { name: a header that lies, request: { path: /mcp, mcp: { tool: search_all }, headers: { Mcp-Name: search_other } }, expect: header_mismatch }
  - { name: a message, request: { path: /a2a, a2a: { method: SendMessage } }, expect: { decision: allow, protocol: a2a, operation: SendMessage } }
  - { name: another method, request: { path: /a2a, a2a: { method: CancelTask } }, expect: operation_unknown }
  - { name: json, request: { path: /pay, json: { amount: 1.5 } }, expect: allow }
  - { name: an argument missing, request: { path: /pay, json: {} }, expect: { reason: argument_invalid, body: { error: invalid_request } } }
  - { name: text, request: { path: /pay, body: '{\"amount\": 1, \"amount\": 2}', headers: { content-type: application/json } }, expect: body_malformed }
  - { name: cut off, request: { path: /pay, json: { amount: 1.5 }, headers: { x-envoy-auth-partial-body: \"true\" } }, expect: { reason: body_cut_off, status: 413 } }
  - { name: gRPC, request: { method: POST, path: /demo.v1.Invoices/List, headers: { content-type: application/grpc } }, expect: { decision: allow, protocol: grpc } }
",
    );
}

#[test]
fn a_check_that_is_only_observed_does_not_pass_for_an_allow() {
    let stage = Stage { plan: Stage::new().plan.set("/enforcement", json!({ "audience": "observe" })) };
    let other = "token: { claims: { aud: \"https://docs.demo.local\" } }";
    good(
        &stage,
        &format!(
            "  - {{ name: said, {other}, expect: {{ decision: allow, would_deny: [audience_mismatch], enforcement: observe }} }}\n"
        ),
    );
    let said = stage.table(&table(&format!("  - {{ name: unsaid, {other}, expect: allow }}\n")), &[]);
    assert_eq!(said.code, OTHERWISE);
    assert!(said.out.contains("+   - audience_mismatch"), "{}", said.out);
}

#[test]
fn names_are_compared_as_they_are_also_where_records_hide_them() {
    let hidden = json!({ "drop": ["subject"], "hash": ["client_id"], "hash_key_file": "hash.key" });
    let stage = Stage { plan: Stage::new().plan.set("/audit", hidden) };
    std::fs::write(stage.file("hash.key"), [7; 32]).expect("written");
    good(&stage, "  - { name: plain, expect: { decision: allow, subject: alice, client_id: console } }\n");
}

impl Stage {
    fn with_second_issuer(self) -> Self {
        let other = json!({ "issuer": "https://other.demo.local", "algorithms": ["ES256"] });
        let mut plan = self.plan.edit(|config| config["issuers"].as_array_mut().expect("a list").push(other));
        for agent in 0..3 {
            plan = plan.set(&format!("/agents/{agent}/issuer"), json!(crate::support::ISSUER));
        }
        Self { plan }
    }
}

#[test]
fn a_call_that_two_rules_must_permit_is_by_the_policies_of_both() {
    let agent = serde_json::json!({
        "name": "agent",
        "match": { "a2a": { "json_rpc": "/a2a" } },
        "methods": { "SendMessage": {}, "CreateTaskPushNotificationConfig": {} },
    });
    let mut stage = Stage::new();
    stage.plan.config["services"][0]["routes"].as_array_mut().unwrap().push(agent);
    stage.plan.config["policy"] = serde_json::json!({ "files": ["two.cedar"] });
    let policy = |id: &str, method: &str| {
        let action = format!("Action::\"invoices/agent/methods/{method}\"");
        format!("@id(\"{id}\") permit (principal, action == {action}, resource);\n")
    };
    let policies = policy("send", "SendMessage") + &policy("push", "CreateTaskPushNotificationConfig");
    std::fs::write(stage.file("two.cedar"), policies).unwrap();
    let hook = "message: {}, configuration: { taskPushNotificationConfig: { url: 'https://hook.example' } }";
    let said = stage.table(
        &format!(
            "defaults: {{ token: {{ claims: {{ sub: alice, client_id: app }} }} }}
cases:
  - {{ name: both, request: {{ path: /a2a, a2a: {{ method: SendMessage, params: {{ {hook} }} }} }}, expect: {{ decision: allow, policies: [push, send] }} }}
"
        ),
        &[],
    );
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    assert!(said.out.contains("2 of 2 policies"), "{}", said.out);
}
