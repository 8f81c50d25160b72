//! Who was refused what and why, and who would be.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::SystemTime;

use super::counts::Counts;
use super::name::shown;
use super::record::{Decision, Record};
use super::table::table;
use super::view::{HIDDEN, joined, or_dash, place};

/// What is counted until the end.
#[derive(Debug, Default)]
pub struct Summary {
    allowed: u64,
    refused: u64,
    answered: u64,
    times: Option<(SystemTime, SystemTime)>,
    refusals: Counts<Refusal>,
    /// Reason and check.
    reasons: Counts<(String, String)>,
    losses: Counts<Refusal>,
    durations: Durations,
}

/// As shown.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Refusal {
    agent: String,
    place: String,
    reasons: String,
}

impl Summary {
    pub fn add(&mut self, record: &Record) {
        let refused = record.decision == Decision::Deny;
        let count = match record.decision {
            Decision::Allow => &mut self.allowed,
            Decision::Deny => &mut self.refused,
            Decision::Answer => &mut self.answered,
        };
        *count = count.saturating_add(1);
        let (first, last) = self.times.unwrap_or((record.time, record.time));
        self.times = Some((first.min(record.time), last.max(record.time)));
        self.durations.add(record);
        if refused {
            let reason = or_dash(record.reason.as_deref()).into_owned();
            let check = or_dash(record.check.as_deref()).into_owned();
            self.refusals.add(Refusal { agent: agent(record), place: place(record), reasons: reason.clone() });
            self.reasons.add((reason, check));
        } else if !record.would_deny.is_empty() {
            let reasons = joined(record.would_deny.iter().map(String::as_str), ", ");
            self.losses.add(Refusal { agent: agent(record), place: place(record), reasons });
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_none()
    }

    /// # Errors
    /// What writing fails with.
    pub fn write(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let Some((first, last)) = self.times else {
            return writeln!(out, "no decisions");
        };
        let all = self.allowed.saturating_add(self.refused).saturating_add(self.answered);
        let (first, last) = (humantime::format_rfc3339_millis(first), humantime::format_rfc3339_millis(last));
        let (allowed, refused, answered) = (self.allowed, self.refused, self.answered);
        writeln!(out, "{all} decision(s): {allowed} allow, {refused} deny, {answered} answer")?;
        writeln!(out, "from {first} to {last}")?;
        if refused > 0 {
            writeln!(out, "\nrefused{}", of(&self.refusals, top))?;
            refusals(out, &self.refusals, top)?;
            writeln!(out, "\nreasons{}", of(&self.reasons, top))?;
            let rows = self.reasons.sorted().into_iter().take(top);
            let rows: Vec<_> =
                rows.map(|((reason, check), n)| [n.to_string(), reason.clone(), check.clone()]).collect();
            table(out, ["count", "reason", "check"], &rows)?;
        }
        self.durations.write(out)?;
        self.losses(out, top)
    }

    fn losses(&self, out: &mut impl Write, top: usize) -> io::Result<()> {
        let calls = self.losses.sorted().into_iter().fold(self.losses.others, |sum, (_, n)| sum.saturating_add(n));
        if calls == 0 {
            return Ok(());
        }
        let agents = self.losses.keys().map(|loss| &loss.agent).collect::<BTreeSet<_>>().len();
        // Those without a name may be several.
        let unnamed = self.losses.keys().any(|loss| loss.agent.starts_with('('));
        let least = if self.losses.others > 0 || unnamed { "at least " } else { "" };
        let lost = of(&self.losses, top);
        writeln!(out, "\nif enforced, {least}{agents} agent(s) would lose {calls} call(s){lost}")?;
        refusals(out, &self.losses, top)
    }
}

fn refusals(out: &mut impl Write, counts: &Counts<Refusal>, top: usize) -> io::Result<()> {
    let row = |(refusal, n): (&Refusal, u64)| {
        let Refusal { agent, place, reasons } = refusal;
        [n.to_string(), agent.clone(), reasons.clone(), place.clone()]
    };
    let rows: Vec<_> = counts.sorted().into_iter().take(top).map(row).collect();
    table(out, ["count", "agent", "reason", "service/route"], &rows)
}

/// What a table leaves out.
fn of<K: Eq + std::hash::Hash + Ord>(counts: &Counts<K>, top: usize) -> String {
    let cut = if counts.len() > top { format!(" (the first {top} of {})", counts.len()) } else { String::new() };
    match counts.others {
        0 => cut,
        others => format!("{cut} (at least; {others} more were too many to tell apart)"),
    }
}

/// Who called. What stands in parentheses or behind `peer` is never a name: those have no spaces.
fn agent(record: &Record) -> String {
    match (record.known().agent().or(record.known().subject), &record.peer) {
        (Some(agent), _) => shown(agent).into_owned(),
        (None, _) if record.is_hidden() => HIDDEN.to_owned(),
        (None, Some(peer)) => format!("(unverified) from {}", shown(peer)),
        (None, None) => "(no verified token)".to_owned(),
    }
}

/// Durations in classes of three digits, so that their number has a limit.
#[derive(Debug, Default)]
struct Durations {
    classes: BTreeMap<u64, u64>,
    slowest: Option<(u64, String)>,
}

impl Durations {
    fn add(&mut self, record: &Record) {
        let class = self.classes.entry(rounded(record.duration_us)).or_default();
        *class = class.saturating_add(1);
        if self.slowest.as_ref().is_none_or(|(most, _)| record.duration_us > *most) {
            self.slowest = Some((record.duration_us, shown(&record.decision_id).into_owned()));
        }
    }

    /// The smallest duration that `percent` of all do not exceed.
    fn percentile(&self, percent: u64) -> u64 {
        let all = self.classes.values().fold(0_u64, |sum, n| sum.saturating_add(*n));
        let rank = all.saturating_mul(percent).div_ceil(100);
        let mut seen = 0_u64;
        let reaches = |(class, n): (&u64, &u64)| {
            seen = seen.saturating_add(*n);
            (seen >= rank).then_some(*class)
        };
        self.classes.iter().find_map(reaches).unwrap_or_default()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Some((most, id)) = &self.slowest else { return Ok(()) };
        // A class is named by its upper end, which may be more than any duration was.
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).min(*most));
        writeln!(out, "\nduration: p50 {p50}us, p99 {p99}us, slowest {most}us ({id})")
    }
}

/// Up to the next number of three digits and zeros.
fn rounded(us: u64) -> u64 {
    let mut unit = 1_u64;
    while us.checked_div(unit).is_some_and(|digits| digits >= 1000) {
        unit = unit.saturating_mul(10);
    }
    us.div_ceil(unit).saturating_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut durations = Durations::default();
        for us in 1..=1000 {
            durations.classes.insert(rounded(us), 1);
        }
        assert_eq!((durations.percentile(50), durations.percentile(99)), (500, 990));
        assert_eq!([0, 999, 1000, 1001, 123_456].map(rounded), [0, 999, 1000, 1010, 124_000]);
        assert_eq!(rounded(u64::MAX), u64::MAX, "it saturates");
    }
}
