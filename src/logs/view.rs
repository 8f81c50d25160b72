//! One line for each decision.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};

use super::name::shown;
use super::record::{Decision, Record, Who};

/// Of a decision id the last twelve characters are shown, the random ones.
const ID_FROM_END: usize = 11;

/// In place of names that the record was told to leave out.
pub(super) const HIDDEN: &str = "(not written)";

const DIM: Style = Style::new().effects(Effects::DIMMED);
const WARN: Style = AnsiColor::Yellow.on_default();

/// Writes `record` as a line, in colours; whoever wants none strips them from `out`.
///
/// # Errors
/// What writing fails with.
pub fn view(out: &mut impl Write, record: &Record) -> io::Result<()> {
    let (word, style) = match record.decision {
        Decision::Allow => ("ALLOW ", AnsiColor::Green.on_default()),
        Decision::Deny => ("DENY  ", AnsiColor::Red.on_default().bold()),
        Decision::Answer => ("ANSWER", AnsiColor::Cyan.on_default()),
    };
    let time = humantime::format_rfc3339_millis(record.time);
    write!(out, "{DIM}{time}{DIM:#} {style}{word}{style:#} ")?;
    write!(out, "{style}{:<20}{style:#}  ", or_dash(record.reason.as_deref()))?;
    write!(out, "{}  {}", who(record), what(record))?;
    if !record.would_deny.is_empty() {
        write!(out, "  {WARN}would deny: {}{WARN:#}", joined(record.would_deny.iter().map(String::as_str), ", "))?;
    }
    let id = record.decision_id.char_indices().rev().nth(ID_FROM_END).map_or(0, |(at, _)| at);
    let id = record.decision_id.get(id..).unwrap_or_default();
    writeln!(out, "  {DIM}{}us {}{DIM:#}", record.duration_us, shown(id))
}

fn who(record: &Record) -> String {
    let known = record.known();
    let said = match record.claimed() {
        _ if !known.is_nobody() => chain(&known),
        _ if record.is_hidden() => HIDDEN.to_owned(),
        Some(claimed) if !claimed.is_nobody() => format!("(unverified: {})", chain(&claimed)),
        Some(_) | None => "(no verified token)".to_owned(),
    };
    match &record.peer {
        // Where the token says nothing sure, or not what the connection says, the peer is what is known.
        Some(peer) if known.is_nobody() || record.check.as_deref() == Some("caller") => {
            format!("{said} from {}", shown(peer))
        }
        Some(_) | None => said,
    }
}

fn chain(who: &Who<'_>) -> String {
    joined(who.path(), " ← ")
}

fn what(record: &Record) -> String {
    let place = place(record);
    match (&record.operation, &record.operation_name) {
        (Some(operation), Some(name)) => format!("{place} {} {}", shown(operation), shown(name)),
        (Some(operation), None) => format!("{place} {}", shown(operation)),
        (None, _) => format!("{place} {} {}", shown(&record.method), or_dash(record.path.as_deref())),
    }
}

/// Service and route.
pub(super) fn place(record: &Record) -> String {
    format!("{}/{}", or_dash(record.service.as_deref()), or_dash(record.route.as_deref()))
}

pub(super) fn or_dash(name: Option<&str>) -> Cow<'_, str> {
    name.map_or("-".into(), shown)
}

pub(super) fn joined<'a>(names: impl IntoIterator<Item = &'a str>, between: &str) -> String {
    names.into_iter().map(shown).collect::<Vec<_>>().join(between)
}
