//! Results for people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Ran, Report, Suite};
use crate::audit::clean;
use crate::tables::{Failure, Kind, Outcome};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const EXPECTED: Style = AnsiColor::Green.on_default();
const FOUND: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for suite in &report.suites {
        of_suite(out, suite)?;
    }
    let (all, passed) = (report.results().count(), report.passed());
    writeln!(out, "{all} case(s): {passed} as expected, {} otherwise", all.saturating_sub(passed))?;
    coverage(out, report)
}

fn of_suite(out: &mut impl Write, suite: &Suite) -> io::Result<()> {
    let good = suite.results.iter().filter(|ran| matches!(ran.outcome, Outcome::Passed)).count();
    let all = suite.results.len();
    if good == all {
        writeln!(out, "{GOOD}ok{GOOD:#}   {}: {all} case(s)", suite.name)?;
    }
    suite.results.iter().try_for_each(|ran| of_case(out, suite, ran))
}

fn of_case(out: &mut impl Write, suite: &Suite, ran: &Ran) -> io::Result<()> {
    let line = ran.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = format!("{}{line}: {}", suite.name, clean(&ran.name));
    match &ran.outcome {
        Outcome::Passed => Ok(()),
        Outcome::Broken(error) => {
            writeln!(out, "{BAD}FAIL{BAD:#} {place}: the call can't be made: {}", clean(error))
        }
        Outcome::Failed(failure) => {
            writeln!(out, "{BAD}FAIL{BAD:#} {place}: {}", headline(failure))?;
            for line in failure.diff.lines() {
                let style = match line.chars().next() {
                    Some('-') => EXPECTED,
                    Some('+') => FOUND,
                    _ => Style::new(),
                };
                writeln!(out, "       {style}{line}{style:#}")?;
            }
            for line in &failure.verdicts {
                writeln!(out, "       {FAINT}{line}{FAINT:#}")?;
            }
            Ok(())
        }
    }
}

/// What was decided, in a few words.
pub(super) fn headline(failure: &Failure) -> String {
    let sent = failure.attempt.map(|attempt| format!(", sent the {}", ordinal(attempt))).unwrap_or_default();
    format!("{}{sent}", failure.decided)
}

fn ordinal(number: u32) -> String {
    match number {
        1 => "first time".to_owned(),
        2 => "second time".to_owned(),
        3 => "third time".to_owned(),
        other => format!("{other}th time"),
    }
}

fn coverage(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let counts = Kind::ALL.map(|kind| (kind, report.coverage.count(kind)));
    let counts = counts.iter().filter(|(_, (all, _))| *all > 0);
    let words: Vec<_> = counts.map(|(kind, (all, reached))| format!("{reached} of {all} {}", kind.name())).collect();
    writeln!(out, "reached: {} ({}%)", words.join(", "), report.coverage.percent())?;
    for (kind, name) in report.coverage.missed() {
        writeln!(out, "  never: {} {}", kind.one(), clean(name))?;
    }
    if let Some(percent) = report.lacking() {
        writeln!(out, "{BAD}FAIL{BAD:#} at least {percent}% must be reached")?;
    }
    Ok(())
}
