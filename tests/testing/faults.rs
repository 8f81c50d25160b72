//! A table with a fault runs no case of any table, and says where the fault is.

use super::stage::{DONE, FAULTS, Said, Stage, USAGE, run, table};

fn faults(cases: &str) -> Said {
    let said = Stage::new().table(cases, &[]);
    assert_eq!((said.code, said.out.as_str()), (FAULTS, ""), "{}", said.err);
    said
}

#[test]
fn every_fault_of_structure_is_told_with_its_line() {
    let said = faults(
        "cases:
  - name: one
    request: { path: /invoices, pth: /x }
    expect: allow
  - name: two
    expcet: allow
  - name: three
    token:
      bound: [dppo]
      signature: bad
      claims: null
    expect: allow
  - { name: \"\", expect: [allow] }
default: {}
",
    );
    insta::assert_snapshot!(said.err);
}

#[test]
fn every_fault_of_meaning_is_told_with_its_line() {
    let said = faults(
        "at: yesterday
defaults:
  token: { claims: { sub: alice } }
cases:
  - name: one
    at: tomorrow
    request: { peer: plannr }
    expect: scope_misssing
  - name: one
    expect: deny
  - name: three
    request:
      mcp: {}
      body: x
    token:
      issuer: https://nobody.demo.local
      key: bob
      algorithm: none
      claims:
        exp: in fife minutes
    proof:
      claims: { iat: a while ago }
    expect:
      decision: allow
      reason: scope_missing
      reasn: x
    times: 3
  - name: four
    expect:
      reason: scope_missing
      check: token
      would_deny: x
      passed: [tokn]
      status: ok
      headers: [a]
      seq: 7
    then: { status: 200 }
  - name: five
    expect: { decision: perhaps }
  - name: six
    request: { service: invoicse }
    expect: { decision: allow, removed: [] }
  - name: seven
    request: { service: nobody }
    expect: service_unknown
",
    );
    insta::assert_snapshot!(said.err);
}

#[test]
fn what_would_show_nothing_is_a_fault() {
    for (case, fault) in [
        ("proof: { claims: { htu: x } }, expect: credential_missing", "proof: is there, and no `token` that it is for"),
        (
            "request: { headers: { dpop: '<proof>' } }, expect: credential_missing",
            "request: has a place for a token, and there is no `token`",
        ),
        ("request: { path: '/x?t=<token>' }, expect: credential_missing", "request: has a place for a token"),
        ("expect: { reason: credential_missing, challenge: {} }", "expect.challenge: names nothing to compare"),
        ("expect: { reason: credential_missing, claimed: {} }", "expect.claimed: names nothing to compare"),
        ("expect: { decision: allow, removed: [] }", "expect.removed: names no header"),
    ] {
        let said = faults(&format!("cases: [{{ name: one, {case} }}]\n"));
        assert!(said.err.contains(&format!("fault: cases[0].{fault}")), "{case}: {}", said.err);
    }
}

#[test]
fn that_no_case_is_there_is_a_fault() {
    for text in ["", "cases: []", "at: 2026-11-24T12:00:00Z", "cases:\n", "[]", "# nothing\n"] {
        let said = faults(text);
        let line = said.err.strip_prefix("table.yaml:").and_then(|rest| rest.split(": fault: ").next());
        assert!(line.is_some_and(|line| line.parse::<u64>().is_ok_and(|line| line > 0)), "{text:?}: {}", said.err);
    }
    assert_eq!(run(&["--config", "examples/hopgate.yaml"]).code, USAGE);
}

#[test]
fn what_is_no_table_names_its_file() {
    for (text, word) in [("cases: [", "line"), ("cases:\n  - { name: x, name: y, expect: allow }\n", "line 2")] {
        let said = faults(text);
        assert!(said.err.starts_with("table.yaml") && said.err.contains(word), "{text:?}: {}", said.err);
    }
    let stage = Stage::new();
    std::fs::write(stage.file("bytes.yaml"), [0xff, 0xfe]).expect("written");
    for (name, word) in [("nowhere.yaml", "can't be read"), ("bytes.yaml", "not UTF-8")] {
        let file = stage.file(name);
        let said = stage.command(&[file.to_str().unwrap()]);
        assert_eq!(said.code, FAULTS);
        assert!(said.err.starts_with(&format!("{name}: fault: {word}")), "{}", said.err);
    }
}

#[test]
fn one_bad_table_or_configuration_runs_nothing() {
    let stage = Stage::new();
    let good = stage.file("good.yaml");
    std::fs::write(&good, table("  - { name: one, expect: allow }\n")).expect("written");
    assert_eq!(stage.command(&[good.to_str().unwrap()]).code, DONE);
    let said = stage.table("cases: [{ name: one }]", &[good.to_str().unwrap()]);
    assert_eq!((said.code, said.out.as_str()), (FAULTS, ""), "{}", said.err);
    let bad = Stage { plan: Stage::new().plan.set("/lisen", serde_json::json!(1)) };
    let said = bad.table(&table("  - { name: one, expect: allow }\n"), &[]);
    assert_eq!((said.code, said.out.as_str()), (FAULTS, ""), "{}", said.err);
    assert!(said.err.contains("unknown field `lisen`"), "{}", said.err);
}
