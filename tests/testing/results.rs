//! What is told of the cases that ran: to people, to CI, and by the exit code.

use serde_json::json;

use super::stage::{DONE, OTHERWISE, Stage, USAGE, table};

const FAILING: &str = "
  - name: good
    expect: allow
  - name: the planner may read for alice
    request: { path: /bound, peer: researcher }
    token: { claims: { act: { sub: planner } } }
    expect: { decision: allow, actor_chain: [planner], delegation_depth: 1 }
  - name: refused for another reason
    token: { claims: { scope: invoices:write } }
    expect:
      reason: scope_above_ceiling
      status: 403
      challenge: { error: insufficient_scope, scope: invoices:write }
  - name: should be refused
    token: { claims: { sub: \"\\e[2Jmallory\" } }
    expect: revoked
  - name: used twice
    request: { method: POST, path: /invoices/7/refund }
    token: { claims: { scope: invoices:refund } }
    expect: allow
    then: allow
";

#[test]
fn a_failing_case_shows_the_difference_and_what_each_check_found() {
    let said = Stage::new().table(&table(FAILING), &[]);
    assert_eq!(said.code, OTHERWISE, "{}", said.err);
    insta::assert_snapshot!(said.out);
}

#[test]
fn nothing_of_a_table_acts_on_a_terminal() {
    let nasty = "\"\\e[2J\\u202e\\x85\\uFFFE\"";
    let case = format!(
        "  - {{ name: {nasty}, request: {{ path: {nasty}, method: {nasty} }}, token: {{ claims: {{ sub: {nasty} }} }}, expect: {{ decision: allow, subject: {nasty} }} }}\n"
    );
    let stage = Stage::new();
    let file = stage.file("results.xml");
    let said = stage.table(&table(&case), &["--junit", file.to_str().unwrap()]);
    assert_eq!(said.code, OTHERWISE);
    let text = std::fs::read_to_string(&file).expect("written");
    quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
    assert!(!text.contains(['\u{1b}', '\u{85}', '\u{fffe}']), "{text:?}");
    let said_of_faults = stage.table(&format!("cases: [{{ {nasty}: 1 }}]"), &[]).err;
    assert!(!said_of_faults.chars().any(|c| c.is_control() && c != '\n'), "{said_of_faults:?}");
    assert!(!said.out.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{:?}", said.out);
    // Nor does the name of a file.
    let named = stage.file("\u{1b}[2J.yaml");
    for cases in
        ["cases: [{ name: one, expect: allow }]", "cases: [{}]", "cases: [{ name: one, expect: route_unknown }]"]
    {
        std::fs::write(&named, cases).expect("written");
        let said = stage.command(&[named.to_str().unwrap(), "--junit", "/nowhere/\u{1b}[2J.xml"]);
        assert!(![said.out, said.err].concat().contains('\u{1b}'), "{cases}");
    }
}

#[test]
fn ci_gets_junit_that_says_the_same() {
    let stage = Stage::new();
    let file = stage.file("results.xml");
    let said = stage.table(&table(FAILING), &["--junit", file.to_str().unwrap(), "--require-coverage=5"]);
    assert_eq!(said.code, OTHERWISE, "{}", said.err);
    let text = std::fs::read_to_string(&file).expect("written");
    let report = quick_junit::Report::deserialize_from_str(&text).expect("JUnit");
    assert_eq!((report.tests, report.failures, report.errors), (6, 4, 0), "{text}");
    let failing =
        report.test_suites[0].test_cases.iter().find(|case| case.name.as_str() == "refused for another reason");
    let quick_junit::TestCaseStatus::NonSuccess { message, description, .. } = &failing.expect("a case").status else {
        panic!("it passed: {text}");
    };
    assert_eq!(message.as_ref().expect("a message").as_str(), "deny scope_missing by scopes");
    let description = description.as_ref().expect("a description").as_str();
    assert!(
        description.contains("+ reason: scope_missing") && description.contains("scopes      REFUSE"),
        "{description}"
    );
    assert_eq!(report.test_suites[1].name.as_str(), "coverage");
    assert_eq!(report.test_suites[1].failures, 0);

    let nowhere = stage.table(&table("  - { name: one, expect: allow }\n"), &["--junit", "/nowhere/results.xml"]);
    assert_eq!(nowhere.code, 1, "{}", nowhere.out);
}

#[test]
fn what_no_case_reaches_is_named_and_can_be_asked_for() {
    let policies = "@id(\"all\") permit (principal, action, resource);\n@id(\"never\") forbid (principal, action, resource) when { context.subject == User::\"nobody\" };";
    let plan = Stage::new().plan;
    let routes = json!([
        { "name": "list", "match": { "method": "GET", "path": "/invoices" } },
        { "name": "public", "match": { "method": "GET", "path": "/open" }, "public": true },
        { "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "search_*": {}, "drop": {} } },
    ]);
    let stage = Stage { plan: plan.set("/services/0/routes", routes).set("/policy", json!({ "files": ["p.cedar"] })) };
    std::fs::write(stage.file("p.cedar"), policies).expect("written");
    let cases = "  - { name: one, expect: { decision: allow, policies: [all] } }\n  - { name: open, request: { path: /open }, expect: allow }\n";
    let half = stage.table(&table(cases), &[]);
    assert_eq!(half.code, DONE, "{}{}", half.out, half.err);
    insta::assert_snapshot!(half.out);
    for (required, code) in [("=44", DONE), ("=45", OTHERWISE), ("", OTHERWISE), ("=0", USAGE), ("=101", USAGE)] {
        let said = stage.table(&table(cases), &[&format!("--require-coverage{required}")]);
        assert_eq!(said.code, code, "{required}: {}{}", said.out, said.err);
    }
    assert_eq!(stage.command(&["--bypasses", "--require-coverage"]).code, USAGE, "there is nothing to reach with");
    let refused = "  - { name: no token, token: { sent: none }, expect: credential_missing }\n";
    let said = stage.table(&table(refused), &[]);
    assert!(
        said.out.contains("1 of 3 routes, 0 of 4 rules, 0 of 2 policies"),
        "a rule takes a good token: {}",
        said.out
    );
}
