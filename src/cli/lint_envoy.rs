//! `hopgate lint-envoy`

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::exit::{self, Exit, fail};
use crate::lint::{self, Fault, Finding, Input, Options, Report, Severity};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Bootstraps, config dumps (`curl localhost:15000/config_dump`) or files of resources, of one Envoy; `-` is stdin.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The cluster that hopgate stands behind, where other `ext_authz` filters are in the chain, too.
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// A listener by its name that is meant to be reached without hopgate, such as one for probes.
    #[arg(long, value_name = "LISTENER")]
    unchecked: Vec<String>,
    /// Take warnings for errors.
    #[arg(long)]
    strict: bool,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(args: &Args) -> Exit {
    let mut inputs = Vec::new();
    for file in &args.files {
        let text = if file.as_os_str() == "-" { stdin() } else { std::fs::read_to_string(file) };
        match text {
            Ok(text) => inputs.push(Input { name: file.display().to_string(), text }),
            Err(error) => return fail(format_args!("can't read `{}`: {error}", file.display())),
        }
    }
    let options = Options { clusters: args.cluster.clone(), unchecked: args.unchecked.clone() };
    let report = lint::lint(&inputs, &options);
    let written = match args.format {
        Format::Text => text(&report),
        Format::Json => json(&report),
    };
    match exit::of(written) {
        Exit::Done => verdict(&report, args.strict),
        failed => failed,
    }
}

fn stdin() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map(|_| text)
}

/// What can't be read outweighs what was found elsewhere.
fn verdict(report: &Report, strict: bool) -> Exit {
    let refused = report.count(Severity::Error) > 0 || strict && report.count(Severity::Warning) > 0;
    if !report.faults.is_empty() {
        Exit::Faults
    } else if refused {
        Exit::Refused
    } else {
        Exit::Done
    }
}

fn text(report: &Report) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for fault in &report.faults {
        writeln!(out, "{fault}")?;
    }
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    let [errors, warnings, notes] = [Severity::Error, Severity::Warning, Severity::Note].map(|of| report.count(of));
    let faults = if report.faults.is_empty() { String::new() } else { format!("{} fault(s), ", report.faults.len()) };
    let counts = format!("{faults}{errors} error(s), {warnings} warning(s), {notes} note(s)");
    let (managers, objects) = (report.managers, report.objects);
    match (managers, objects) {
        (0, 1..) => writeln!(out, "{counts} in {objects} object(s)"),
        (_, 0) => writeln!(out, "{counts} in {managers} HTTP connection manager(s)"),
        (_, _) => writeln!(out, "{counts} in {managers} HTTP connection manager(s) and {objects} object(s)"),
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    rule: lint::Rule,
    severity: Severity,
    file: &'a str,
    document: Option<usize>,
    path: &'a str,
    found: &'a str,
    why: &'static str,
    fix: &'static str,
}

impl<'a> Shown<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { rule, file, document, path, found } = finding;
        let (rule, document) = (*rule, *document);
        Self { rule, severity: rule.severity(), file, document, path, found, why: rule.why(), fix: rule.fix() }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    faults: &'a [Fault],
    findings: Vec<Shown<'a>>,
    errors: usize,
    warnings: usize,
    notes: usize,
    managers: usize,
}

fn json(report: &Report) -> std::io::Result<()> {
    let whole = Whole {
        faults: &report.faults,
        findings: report.findings.iter().map(Shown::of).collect(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
        notes: report.count(Severity::Note),
        managers: report.managers,
    };
    let text = serde_json::to_string_pretty(&whole).map_err(std::io::Error::other)?;
    writeln!(std::io::stdout(), "{text}")
}
