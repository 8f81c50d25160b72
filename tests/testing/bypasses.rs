//! The bypasses that hopgate ships: refused by what we ship and test with, and found where a configuration is weak.

use std::collections::{BTreeMap, BTreeSet};

use quick_junit::{NonSuccessKind, Report, TestCaseStatus};
use serde_json::{Value, json};

use super::stage::{DONE, OTHERWISE, Said, Stage, run, table};
use crate::support::spiffe;

const OTHER: &str = "https://other.demo.local";

/// A configuration with everything that a bypass can need.
fn whole() -> Stage {
    let plan = Stage::new().plan.edit(|config| {
        let issuers = config["issuers"].as_array_mut().unwrap();
        issuers[0]["algorithms"] = json!(["ES256", "EdDSA"]);
        issuers.push(json!({ "issuer": OTHER, "algorithms": ["ES256"], "scope_claim": "scp" }));
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(crate::support::ISSUER);
            agent["scopes"] = json!(["*"]);
        }
        config["agents"].as_array_mut().unwrap().push(json!({
            "id": "far", "issuer": OTHER, "act_issuer": "https://agents.demo.local", "spiffe": spiffe("far"), "scopes": ["*"]
        }));
        config["risk"] = json!({ "destructive": {
            "sender_constrained": "required", "single_use": true, "max_token_age": "5m",
            "step_up": { "acr_values": ["urn:demo:mfa"], "max_age": "5m" },
        }});
        config["dpop"] = json!({ "require_nonce": true });
        let service = &mut config["services"][0];
        service["single_audience"] = json!(true);
        service["delegation"] = json!({ "max_depth": 2, "require_actor": true, "bind_caller": "spiffe" });
        service["routes"] = json!([
            { "name": "list", "match": { "method": "GET", "path": "/invoices/{id}/{*rest}" }, "scopes": ["a:read", "a:list"] },
            { "name": "far", "match": { "method": "GET", "path": "/far" }, "scopes": ["a:read"], "delegation": { "actors": ["far"] } },
            { "name": "direct", "match": { "method": "GET", "path": "/direct" }, "delegation": { "max_depth": 0, "require_actor": false } },
            {
                "name": "refund", "match": { "method": "POST", "path": "/refund/{id}" }, "body": "json", "risk": "destructive",
                "arguments": { "amount": "decimal", "note": "string", "all": "boolean", "lines": "strings", "count": "long" },
                "approval": { "type": "refund", "match": { "id": "path.id", "amount": "arguments.amount", "to": "arguments.to.iban" } },
                "delegation": { "pairs": [{ "subject": "bob", "actor": "planner" }] },
            },
            { "name": "grpc", "match": { "grpc": "demo.v1.Invoices/List" } },
            {
                "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "scopes": ["a:use"],
                "methods": { "tools/*": {}, "tasks/get": {} },
                "tools": { "search_*": {}, "drop": { "risk": "destructive", "arguments": { "id": "string" } } },
                "resources": { "file:///docs/*": {} }, "prompts": { "sum": {} },
            },
            { "name": "agent", "match": { "a2a": { "json_rpc": "/a2a" } }, "methods": { "SendMessage": {}, "GetTask": {} } },
            { "name": "open", "match": { "method": "GET", "path": "/open" }, "public": true },
        ]);
        let open = json!([{ "name": "open", "match": { "method": "GET", "path": "/open" }, "public": true }]);
        let another = json!({ "name": "docs", "audience": "https://docs.demo.local", "routes": open });
        config["services"].as_array_mut().unwrap().push(another);
    });
    Stage { plan }
}

/// How each case of a run ended, by its name.
fn ends(stage: &Stage) -> (Said, BTreeMap<String, TestCaseStatus>) {
    let file = stage.file("results.xml");
    let said = stage.command(&["--bypasses", "--junit", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {}", said.err));
    let report = Report::deserialize_from_str(&text).expect("JUnit");
    let cases = report.test_suites.into_iter().flat_map(|suite| suite.test_cases);
    (said, cases.map(|case| (case.name.as_str().to_owned(), case.status)).collect())
}

fn failed(ends: &BTreeMap<String, TestCaseStatus>) -> BTreeSet<String> {
    let bad =
        |status: &TestCaseStatus| matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. });
    ends.iter().filter(|(_, status)| bad(status)).map(|(name, _)| name.clone()).collect()
}

/// The name of the bypass, without the rule.
fn bypass(name: &str) -> &str {
    name.rsplit_once(", on ").expect("a rule").0
}

#[test]
fn what_we_ship_refuses_every_bypass_for_the_right_reason() {
    let configs = [
        "examples/hopgate.yaml",
        "demo/config/invoices.yaml",
        "demo/config/planner.yaml",
        "demo/config/researcher.yaml",
    ];
    for config in configs {
        let said = run(&["--config", config, "--bypasses"]);
        assert_eq!(said.code, DONE, "{config}: {}{}", said.out, said.err);
    }
    let said = Stage::new().command(&["--bypasses"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    let said = run(&["--config", "demo/config/invoices.yaml", "--bypasses", "demo/config/invoices.test.yaml"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    let said = run(&["--config", "examples/hopgate.yaml", "--bypasses", "examples/hopgate.test.yaml"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    assert!(said.out.contains("ok   bypasses: ") && said.out.contains("(100%)"), "{}", said.out);
}

#[test]
fn every_bypass_is_refused_and_none_is_left_untried_where_a_configuration_has_everything() {
    let (said, ends) = ends(&whole());
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    let tried: BTreeSet<&str> = ends
        .iter()
        .filter(|(_, status)| matches!(status, TestCaseStatus::Success { .. }))
        .map(|(name, _)| bypass(name))
        .collect();
    let skipped: BTreeSet<&str> = ends.keys().map(|name| bypass(name)).filter(|name| !tried.contains(name)).collect();
    assert_eq!(skipped, BTreeSet::from(["every bypass"]), "only of the public route");
    assert!(tried.len() > 200, "{}", tried.len());
    assert!(
        said.out.contains("skip bypasses: invoices/open, docs/open: it is open to everybody (`public`)"),
        "{}",
        said.out
    );

    // A good call could be made up for each rule of each protocol.
    let rules = ends.keys().filter_map(|name| name.strip_prefix("alg none, on ")?.split_once(" by "));
    let (own, others): (Vec<_>, Vec<_>) = rules.partition(|(_, issuer)| *issuer == crate::support::ISSUER);
    assert!(!own.iter().any(|(rule, _)| *rule == "invoices/far"), "its agent is the other issuer's");
    assert!(others.contains(&("invoices/list", OTHER)) && !others.contains(&("invoices/refund", OTHER)), "{others:?}");
    let why = "no call of it could be made up that is allowed, the best was refused: ";
    assert!(said.out.contains(&format!("invoices/refund by {OTHER}: {why}")), "{}", said.out);
    let rules: BTreeSet<&str> = own.iter().chain(&others).map(|(rule, _)| *rule).collect();
    let expected = BTreeSet::from([
        "invoices/agent/methods/GetTask",
        "invoices/agent/methods/SendMessage",
        "invoices/direct",
        "invoices/far",
        "invoices/grpc",
        "invoices/list",
        "invoices/mcp/connection",
        "invoices/mcp/methods/tasks/get",
        "invoices/mcp/methods/tools/*",
        "invoices/mcp/prompts/sum",
        "invoices/mcp/resources/file:///docs/*",
        "invoices/mcp/tools/drop",
        "invoices/mcp/tools/search_*",
        "invoices/refund",
    ]);
    assert_eq!(rules, expected, "{}", said.out);
}

/// The bypasses that work where `value` stands at `pointer`.
fn open_with(pointer: &str, value: Value) -> BTreeSet<String> {
    let (said, ends) = ends(&Stage { plan: whole().plan.set(pointer, value) });
    assert_eq!(said.code, OTHERWISE, "{}", said.err);
    failed(&ends).iter().map(|name| bypass(name).to_owned()).collect()
}

#[test]
fn a_check_that_is_only_observed_is_a_hole_that_is_found() {
    let open = open_with("/enforcement", json!({ "all": "observe" }));
    for name in [
        "another service",
        "an agent that nobody introduced",
        "a stranger behind the actor",
        "nobody acts",
        "stolen by another workload",
        "a token of another's key, as Bearer",
        "a proof by another key",
        "another certificate",
        "a token bound to nobody",
        "no scopes",
        "no level of authentication",
        "authenticated yesterday",
        "not approved",
    ] {
        assert!(open.contains(name), "{name} is not in {open:?}");
    }
    // What can't be only observed.
    for name in [
        "alg none",
        "a stranger's key",
        "past",
        "an actor that is text",
        "dot segments",
        "the same token again",
        "a batch",
    ] {
        assert!(!open.contains(name), "{name}");
    }
}

#[test]
fn a_wider_type_of_token_is_a_hole_that_is_found() {
    let open = open_with("/issuers/0/token_types", json!(["at+jwt", "jwt", "logout+jwt"]));
    assert_eq!(open, BTreeSet::from(["an id token", "a logout token"].map(str::to_owned)));
}

#[test]
fn a_bypass_that_works_is_shown_with_where_it_is_from() {
    let routes =
        json!([{ "name": "list", "match": { "method": "GET", "path": "/invoices" }, "scopes": ["invoices:read"] }]);
    let plan =
        Stage::new().plan.set("/services/0/routes", routes).set("/enforcement", json!({ "audience": "observe" }));
    let said = Stage { plan }.command(&["--bypasses"]);
    assert_eq!(said.code, OTHERWISE, "{}", said.err);
    insta::assert_snapshot!(said.out);
}

#[test]
fn a_rule_without_a_good_call_is_named_until_a_table_gives_one() {
    let policy = "permit (principal, action, resource) when { context.subject == User::\"carol\" };";
    let stage = Stage { plan: Stage::new().plan.set("/policy", json!({ "files": ["p.cedar"] })) };
    std::fs::write(stage.file("p.cedar"), policy).expect("written");
    let said = stage.command(&["--bypasses"]);
    assert_eq!(said.code, OTHERWISE, "nothing was tried: {}", said.out);
    assert!(said.out.contains("nothing was tried"), "{}", said.out);
    let lack =
        "no call of it could be made up that is allowed, the best was refused: policy_denied; give a case that is";
    assert!(said.out.contains(lack), "{}", said.out);

    let given = table("  - { name: given, token: { claims: { sub: carol } }, expect: allow }\n");
    let said = stage.table(&given, &["--bypasses"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    assert!(said.out.contains("ok   bypasses: ") && said.out.contains(lack), "{}", said.out);
    let skipped = said.out.lines().find(|line| line.contains(lack)).unwrap();
    assert!(!skipped.contains("invoices/list"), "{skipped}");
}

#[test]
fn that_nothing_could_be_tried_is_no_success() {
    let open = json!([{ "name": "open", "match": { "method": "GET", "path": "/open" }, "public": true }]);
    let said = Stage { plan: Stage::new().plan.set("/services/0/routes", open) }.command(&["--bypasses"]);
    assert_eq!(said.code, OTHERWISE, "{}{}", said.out, said.err);
    assert!(said.out.contains("FAIL nothing was tried"), "{}", said.out);
}

#[test]
fn a_hole_at_one_of_several_issuers_is_found() {
    let ends = open_with("/issuers/1/token_types", json!(["at+jwt", "JWT"]));
    assert!(ends.contains("an id token"), "{ends:?}");
}

#[test]
fn a_service_that_takes_the_tokens_of_another_is_found_and_warned_of() {
    let stage = Stage { plan: whole().plan.set("/services/1/audience", json!(crate::support::plan::AUDIENCE)) };
    let check = |stage: &Stage| {
        stage.plan.write();
        let output = crate::support::gate::command().arg("check").arg(stage.plan.file()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(check(&stage).contains("services[1].audience: is an audience of `invoices` as well"), "{}", check(&stage));
    let alias = json!(["https://docs.demo.local"]);
    let found = open_with("/services/0/audience_aliases", alias);
    assert_eq!(found, BTreeSet::from(["another service of this configuration".to_owned()]));
}

#[test]
fn what_is_refused_by_files_and_only_observed_is_a_hole() {
    let stage = |enforcement: Value| {
        let plan = Stage::new().plan;
        std::fs::write(plan.dir.root().join("all.cedar"), "@id(\"all\") permit (principal, action, resource);")
            .unwrap();
        std::fs::write(plan.dir.root().join("revoked.yaml"), "revoked: []\n").unwrap();
        let plan = plan.set("/policy", json!({ "files": ["all.cedar"] }));
        let plan = plan.set("/revocations", json!({ "file": "revoked.yaml" }));
        Stage { plan: plan.set("/enforcement", enforcement) }
    };
    let enforced = stage(json!({})).command(&["--bypasses"]);
    assert_eq!(enforced.code, DONE, "{}{}", enforced.out, enforced.err);
    let observed = stage(json!({ "policy": "observe", "revocation": "observe" })).command(&["--bypasses"]);
    assert_eq!(observed.code, OTHERWISE, "{}{}", observed.out, observed.err);
    for name in ["a call that a policy forbids", "a token that is revoked"] {
        assert!(observed.out.contains(&format!("FAIL bypasses: {name}, on every rule: allow")), "{}", observed.out);
    }
}

#[test]
fn a_header_that_envoy_must_set_is_no_bypass_and_that_is_said() {
    let said = Stage { plan: whole().plan.set("/forwarded_client_cert", json!({ "set_by_envoy": true })) }
        .command(&["--bypasses"]);
    assert_eq!(said.code, DONE, "{}{}", said.out, said.err);
    let why = "certificates are taken from a header that its Envoy must set (`forwarded_client_cert`)";
    assert!(said.out.contains(&format!("{why}: the certificate in a header")), "{}", said.out);
}
