//! What is printed: the table, the decision under each row's number, the sum.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use crate::Fault;
use crate::decision::Decision;

/// Wide enough for most rows on one line.
const WIDTH: u16 = 160;

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
    /// What was measured: shown, and not compared.
    pub(crate) note: Option<String>,
    pub(crate) decision: Option<Decision>,
}

impl Played {
    /// A row that could not be played.
    pub(crate) fn faulty(group: &'static str, tried: &str, expected: String, fault: &Fault) -> Self {
        Self { group, tried: tried.to_owned(), expected, seen: format!("fault: {fault}"), note: None, decision: None }
    }

    pub(crate) fn is_as_expected(&self) -> bool {
        self.expected == self.seen
    }
}

/// What was tried, what was expected, what was seen.
pub(crate) fn table(played: &[Played]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(["", "check", "tried", "expected", "seen", ""]);
    let mut group = "";
    for (number, row) in numbered(played) {
        let shown = if row.group == group { "" } else { row.group };
        group = row.group;
        let verdict = if row.is_as_expected() { "ok" } else { "DIFFERS" };
        let note = row.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        table.add_row([&number.to_string(), shown, &row.tried, &row.expected, &(row.seen.clone() + &note), verdict]);
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
            Some(decision) if whole => decision.line.clone(),
            Some(decision) => short(decision),
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

/// What of a decision tells its story.
pub(crate) fn short(decision: &Decision) -> String {
    let text = |field| decision.text(field).unwrap_or("?");
    let mut line = match decision.text("decision") {
        Some(said @ ("allow" | "answer")) => format!("{GOOD}{said}{GOOD:#}"),
        _ => format!("{BAD}deny{BAD:#} {}/{}", text("check"), text("reason")),
    };
    // Writing to a String can't fail.
    let _ = write!(line, "  {} {}", text("method"), text("path"));
    if let (Some(service), Some(route)) = (decision.text("service"), decision.text("route")) {
        let _ = write!(line, " ({service}/{route})");
    }
    if let Some(operation) = decision.text("operation").filter(|_| decision.text("protocol") != Some("grpc")) {
        let _ = write!(line, "  {operation}");
        if let Some(name) = decision.text("operation_name") {
            let _ = write!(line, " {name}");
        }
    }
    if let (Some("policy"), policies) = (decision.text("check"), decision.list("policies")) {
        let _ = write!(line, "  by {}", policies.join(" "));
    }
    if let Some(who) = decision.who() {
        let _ = write!(line, "  {who}");
    }
    let held = decision.list("scopes_held");
    if !held.is_empty() {
        let _ = write!(line, "  holds {}", held.join(" "));
    }
    if let Some(peer) = decision.text("peer") {
        let _ = write!(line, "  peer {}", peer.rsplit('/').next().unwrap_or(peer));
    }
    let _ = write!(line, "  {DIM}{} µs  {}{DIM:#}", decision.number("duration_us").unwrap_or(0), text("decision_id"));
    line
}

fn numbered(played: &[Played]) -> impl Iterator<Item = (usize, &Played)> {
    (1..).zip(played)
}
