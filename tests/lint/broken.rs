//! One sample for each rule, a small change of a clean one: the rule is found in it, and Envoy takes it without a word.

use std::collections::BTreeSet;

use hopgate::lint::Rule;

use super::cases::every_one;
use super::change::Broken;
use super::sample::{Files, lint_with};

#[test]
fn names_and_severities_are_frozen() {
    let lines: Vec<_> = Rule::ALL.iter().map(|rule| format!("{} {}", rule.severity(), rule.id())).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn every_rule_has_its_sample() {
    let samples: BTreeSet<_> = every_one().iter().map(|broken| broken.rule).collect();
    let rules: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(samples, rules);
}

#[test]
fn a_broken_rule_is_found_where_it_is_broken_and_nothing_else_is() {
    let wrong: Vec<_> = every_one().iter().filter_map(|broken| Some((broken.rule, misjudged(broken)?))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is wrong with the report on `broken`.
fn misjudged(broken: &Broken) -> Option<String> {
    let report = lint_with(&broken.value(), &broken.options);
    let (wanted, rest): (Vec<_>, Vec<_>) = report.findings.iter().partition(|finding| finding.rule.id() == broken.rule);
    // The gateway asks its clients for no certificate.
    let rest = rest
        .into_iter()
        .map(|finding| finding.rule.id())
        .filter(|id| *id != "client-certificate-not-asked" && !broken.besides.contains(id));
    let found_there = matches!(wanted.as_slice(), [finding] if finding.path.ends_with(broken.path));
    let nothing_else = report.faults.is_empty() && rest.count() == 0;
    (!found_there || !nothing_else).then(|| format!("{report:?}"))
}

#[test]
fn envoy_takes_what_the_rules_are_about() {
    let files = Files::new();
    let said = |broken: &Broken| (broken.rule, files.envoy_refuses(&broken.value().to_string()));
    let all: Vec<_> = every_one().into_iter().filter(|broken| broken.base.files().is_empty()).collect();
    let wrong: Vec<_> = all
        .iter()
        .map(|broken| (broken.envoy, said(broken)))
        .filter(|(envoy, (_, said))| *envoy == said.is_some())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
