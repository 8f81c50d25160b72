//! `hopgate test`: tables of calls and what is to be decided on each.

mod junit;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anstream::AutoStream;

use super::check::report;
use super::exit::{Exit, fail};
use crate::config;
use crate::tables::{Bench, Coverage, Outcome, Table};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file. What it fetches is not fetched: throw-away keys stand in for its issuers'.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Tables of cases.
    #[arg(value_name = "TABLE", required = true)]
    tables: Vec<PathBuf>,
    /// Write the results as XML, in the form of `JUnit`.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail if the cases reach less of the routes, rules and policies; without a number, unless they reach all.
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true, default_missing_value = "100",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    require_coverage: Option<u8>,
}

/// The results of one table.
struct Suite {
    name: String,
    results: Vec<Ran>,
}

/// The result of one case.
struct Ran {
    name: String,
    line: Option<u64>,
    took: Duration,
    outcome: Outcome,
}

/// All that ran.
struct Report {
    suites: Vec<Suite>,
    coverage: Coverage,
    required: Option<u8>,
}

pub(super) fn run(args: &Args) -> Exit {
    let settings = match config::load(&args.config) {
        Ok(settings) => settings,
        Err(faults) => {
            report(&args.config, "fault", &faults);
            return Exit::Faults;
        }
    };
    let bench = match Bench::new(&settings, SystemTime::now()) {
        Ok(bench) => bench,
        Err(error) => return fail(error),
    };
    let Some(tables) = read(&bench, &args.tables) else { return Exit::Faults };
    let mut coverage = Coverage::of(&settings);
    let mut suites = Vec::new();
    for table in &tables {
        if let Err(error) = bench.prepare(&table.cases) {
            return fail(error);
        }
        suites.push(suite(&bench, table, &mut coverage));
    }
    let report = Report { suites, coverage, required: args.require_coverage };
    if let Err(error) = text::write(&mut AutoStream::auto(io::stdout().lock()), &report) {
        return fail(error);
    }
    if let Some(file) = &args.junit
        && let Err(error) = junit::write(file, &report)
    {
        return fail(format_args!("can't write `{}`: {error}", file.display()));
    }
    if report.is_good() { Exit::Done } else { Exit::Refused }
}

/// Every table, or none where one has a fault.
fn read(bench: &Bench<'_>, files: &[PathBuf]) -> Option<Vec<Table>> {
    let mut tables = Vec::new();
    let mut failed = false;
    for file in files {
        match bench.read(file) {
            Ok(table) => tables.push(table),
            Err(faults) => {
                failed = true;
                for fault in faults {
                    eprintln!("{fault}");
                }
            }
        }
    }
    (!failed).then_some(tables)
}

fn suite(bench: &Bench<'_>, table: &Table, coverage: &mut Coverage) -> Suite {
    let folder = table.file.parent().unwrap_or(Path::new(""));
    let results = table.cases.iter().map(|case| {
        let started = Instant::now();
        let outcome = bench.run(case, folder, coverage);
        Ran { name: case.name.clone(), line: case.line, took: started.elapsed(), outcome }
    });
    Suite { name: table.file.display().to_string(), results: results.collect() }
}

impl Report {
    fn results(&self) -> impl Iterator<Item = &Ran> {
        self.suites.iter().flat_map(|suite| &suite.results)
    }

    fn passed(&self) -> usize {
        self.results().filter(|ran| matches!(ran.outcome, Outcome::Passed)).count()
    }

    /// What `--require-coverage` asks for and is not reached.
    fn lacking(&self) -> Option<u8> {
        self.required.filter(|percent| self.coverage.percent() < usize::from(*percent))
    }

    /// That nothing ran is no success.
    fn is_good(&self) -> bool {
        let all = self.results().count();
        all > 0 && self.passed() == all && self.lacking().is_none()
    }
}
