//! Results for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Ran, Report, Suite};
use crate::audit::clean;
use crate::tables::{Coverage, Failure, Kind, Outcome};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const EXPECTED: Style = AnsiColor::Green.on_default();
const FOUND: Style = AnsiColor::Red.on_default();
/// Rules, and bypasses, of one reason that are named.
const SHOWN: usize = 3;
const FAINT: Style = Style::new().dimmed();

pub(super) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for suite in &report.suites {
        of_suite(out, suite)?;
    }
    let ((passed, bad), all) = (report.counts(), report.results().count());
    let skipped = match all.saturating_sub(passed).saturating_sub(bad) {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    writeln!(out, "{all} case(s): {passed} as expected, {bad} otherwise{skipped}")?;
    if passed.saturating_add(bad) == 0 {
        writeln!(out, "{BAD}FAIL{BAD:#} nothing was tried")?;
    }
    report.coverage.as_ref().map_or(Ok(()), |found| coverage(out, found))?;
    match report.lacking() {
        None => Ok(()),
        Some(percent) => writeln!(out, "{BAD}FAIL{BAD:#} at least {percent}% must be reached"),
    }
}

fn of_suite(out: &mut impl Write, suite: &Suite) -> io::Result<()> {
    let good = suite.results.iter().filter(|ran| matches!(ran.outcome, Outcome::Passed)).count();
    if !suite.results.iter().any(|ran| ran.outcome.is_bad()) {
        writeln!(out, "{GOOD}ok{GOOD:#}   {}: {good} case(s)", clean(&suite.name))?;
    }
    suite.results.iter().try_for_each(|ran| of_case(out, suite, ran))?;
    skipped(out, suite)
}

/// One line for each reason to skip something, with the rules that it is true of.
fn skipped(out: &mut impl Write, suite: &Suite) -> io::Result<()> {
    let mut rules: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for ran in &suite.results {
        if let Outcome::Skipped(why) = &ran.outcome {
            rules.entry((why, &ran.name)).or_default().push(ran.on.as_deref().unwrap_or_default());
        }
    }
    let mut names: BTreeMap<(&str, &Vec<&str>), Vec<&str>> = BTreeMap::new();
    for ((why, name), rules) in &rules {
        names.entry((why, rules)).or_default().push(name);
    }
    for ((why, rules), names) in names {
        let (name, why) = (clean(&suite.name), clean(why));
        writeln!(out, "{FAINT}skip{FAINT:#} {name}: {}: {why}: {}", some_of(rules), some_of(&names))?;
    }
    Ok(())
}

/// The first few, and how many more there are.
fn some_of(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).map(|name| clean(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The name of a case; of a bypass with the rule.
pub(super) fn name_of(ran: &Ran) -> String {
    ran.on.as_ref().map_or(ran.name.clone(), |rule| format!("{}, on {rule}", ran.name))
}

fn of_case(out: &mut impl Write, suite: &Suite, ran: &Ran) -> io::Result<()> {
    let line = ran.line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = format!("{}{line}: {}", clean(&suite.name), clean(&name_of(ran)));
    match &ran.outcome {
        Outcome::Passed | Outcome::Skipped(_) => Ok(()),
        Outcome::Broken(error) => {
            writeln!(out, "{BAD}FAIL{BAD:#} {place}: the call can't be made: {}", clean(error))
        }
        Outcome::Failed(failure) => {
            writeln!(out, "{BAD}FAIL{BAD:#} {place}: {}", headline(failure))?;
            if !ran.about.is_empty() {
                writeln!(out, "       {}", clean(&ran.about))?;
            }
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

fn coverage(out: &mut impl Write, coverage: &Coverage) -> io::Result<()> {
    let counts = Kind::ALL.map(|kind| (kind, coverage.count(kind)));
    let counts = counts.iter().filter(|(_, (all, _))| *all > 0);
    let words: Vec<_> = counts.map(|(kind, (all, reached))| format!("{reached} of {all} {}", kind.name())).collect();
    writeln!(out, "reached: {} ({}%)", words.join(", "), coverage.percent())?;
    for (kind, name) in coverage.missed() {
        writeln!(out, "  never: {} {}", kind.one(), clean(name))?;
    }
    Ok(())
}
