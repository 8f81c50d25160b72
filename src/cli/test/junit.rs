//! Results for CI: XML in the form of `JUnit`.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Ran, Report, text};
use crate::audit::printable;
use crate::tables::{Coverage, Outcome};

pub(super) fn write(file: &Path, report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    let mut junit = quick_junit::Report::new("hopgate test");
    let mut whole = Duration::ZERO;
    for suite in &report.suites {
        let took = suite.results.iter().map(|ran| ran.took).sum();
        let mut written = TestSuite::new(&*printable(&suite.name));
        written.set_time(took);
        whole = whole.saturating_add(took);
        written.add_test_cases(suite.results.iter().map(|ran| of_case(&suite.name, ran)));
        junit.add_test_suite(written);
    }
    if report.required.is_some() {
        junit.add_test_suite(coverage(report));
    }
    junit.set_time(whole);
    Ok(junit.serialize(File::create(file)?)?)
}

fn of_case(suite: &str, ran: &Ran) -> TestCase {
    let status = match &ran.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Broken(error) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(&*printable(&format!("the call can't be made: {error}"))).set_type("call");
            status
        }
        Outcome::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(&*printable(why));
            status
        }
        Outcome::Failed(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let place = ran.line.map(|line| format!("{suite}:{line}\n")).unwrap_or_default();
            status.set_message(text::headline(failure)).set_type("decision");
            let about = if ran.about.is_empty() { String::new() } else { format!("{}\n", ran.about) };
            let description = format!("{place}{about}{}\n{}", failure.diff, failure.verdicts.join("\n"));
            // Line by line, as a line feed is what stands between them.
            let lines: Vec<_> = description.lines().map(printable).collect();
            status.set_description(lines.join("\n"));
            status
        }
    };
    let mut case = TestCase::new(&*printable(&text::name_of(ran)), status);
    case.set_classname(&*printable(suite)).set_time(ran.took);
    case
}

/// What CI is asked to hold must be in what it reads.
fn coverage(report: &Report) -> TestSuite {
    let missed = report.coverage.iter().flat_map(Coverage::missed);
    let missed: Vec<_> = missed.map(|(kind, name)| format!("{} {name}", kind.one())).collect();
    let status = match report.lacking() {
        None => TestCaseStatus::success(),
        Some(percent) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let reached = report.reached();
            status.set_message(format!("{reached}% is reached, at least {percent}% must be")).set_type("coverage");
            let lines: Vec<_> = missed.iter().map(|missed| printable(missed)).collect();
            status.set_description(lines.join("\n"));
            status
        }
    };
    let mut suite = TestSuite::new("coverage");
    suite.add_test_case(TestCase::new("routes, rules and policies", status));
    suite
}
