//! What is printed: the table, the decision under each row's number, the sum.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// Wide enough for most rows on one line.
const WIDTH: u16 = 150;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// A row that was played.
pub(crate) struct Played {
    pub(crate) group: &'static str,
    pub(crate) tried: String,
    pub(crate) expected: String,
    /// In the words of `expected`, so that the two are equal or the row differs.
    pub(crate) seen: String,
    pub(crate) decision: Option<Value>,
}

impl Played {
    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected == self.seen
    }
}

/// One line per row; what was seen is only repeated where it differs.
pub(crate) fn table(played: &[Played]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(["", "check", "tried", "expected", "seen", ""]);
    let mut group = "";
    for (number, row) in numbered(played) {
        let shown = if row.group == group { "" } else { row.group };
        group = row.group;
        let seen = if row.is_as_expected() { "the same" } else { &row.seen };
        let verdict = if row.is_as_expected() { "ok" } else { "DIFFERS" };
        table.add_row([&number.to_string(), shown, &row.tried, &row.expected, seen, verdict]);
    }
    let mut text = String::new();
    for line in table.to_string().lines() {
        let line = line.trim_end();
        // Writing to a String can't fail.
        let _ = match (line.strip_suffix("ok"), line.strip_suffix("DIFFERS")) {
            (Some(rest), _) => writeln!(text, "{rest}{GOOD}ok{GOOD:#}"),
            (_, Some(rest)) => writeln!(text, "{rest}{BAD}DIFFERS{BAD:#}"),
            (None, None) => writeln!(text, "{line}"),
        };
    }
    text
}

/// The decision of each row under its number: in short, or the whole JSON line.
pub(crate) fn decisions(played: &[Played], whole: bool) -> String {
    let mut text = String::new();
    for (number, row) in numbered(played) {
        let line = match &row.decision {
            Some(record) if whole => record.to_string(),
            Some(record) => short(record),
            None => format!("{DIM}hopgate was not asked{DIM:#}"),
        };
        let _ = writeln!(text, "{number:>3}  {line}");
    }
    text
}

/// `60 passed, 0 failed in 2.1 s`
pub(crate) fn sum(played: &[Played], elapsed: Duration) -> String {
    let failed = played.iter().filter(|row| !row.is_as_expected()).count();
    let style = if failed == 0 { GOOD } else { BAD };
    let passed = played.len().saturating_sub(failed);
    format!("{style}{passed} passed, {failed} failed{style:#} in {:.1} s", elapsed.as_secs_f64())
}

/// The fields of a decision record that tell its story.
pub(crate) fn short(record: &Value) -> String {
    let text = |field: &str| record.get(field).and_then(Value::as_str);
    let mut line = match (text("decision"), text("check"), text("reason")) {
        (Some("allow"), ..) => format!("{GOOD}allow{GOOD:#}"),
        (_, check, reason) => {
            format!("{BAD}deny{BAD:#} {}/{}", check.unwrap_or("?"), reason.unwrap_or("?"))
        }
    };
    let _ = write!(line, "  {} {}", text("method").unwrap_or("?"), text("path").unwrap_or("?"));
    if let (Some(service), Some(route)) = (text("service"), text("route")) {
        let _ = write!(line, " ({service}/{route})");
    }
    if let Some(claimed) = record.get("claimed") {
        let _ = write!(line, "  unverified: {}", who(claimed));
    } else if text("subject").is_some() {
        let _ = write!(line, "  {}", who(record));
        let _ = write!(line, "  holds [{}]", list(record, "scopes_held").join(" "));
    }
    if let Some(peer) = text("peer") {
        let _ = write!(line, "  peer {}", peer.rsplit('/').next().unwrap_or(peer));
    }
    let id = text("decision_id").unwrap_or("?");
    let _ = write!(line, "  {DIM}{} µs {id}{DIM:#}", record.get("duration_us").and_then(Value::as_u64).unwrap_or(0));
    line
}

/// `alice ← researcher ← planner`: the subject, the current actor, and the ones before it.
fn who(identity: &Value) -> String {
    let subject = identity.get("subject").and_then(Value::as_str).unwrap_or("?").to_owned();
    let mut chain = list(identity, "actor_chain");
    if chain.len() > 4 {
        chain.truncate(2);
        chain.push("…");
    }
    chain.into_iter().fold(subject, |text, actor| text + " ← " + actor)
}

fn list<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn numbered(played: &[Played]) -> impl Iterator<Item = (usize, &Played)> {
    (1..).zip(played)
}
