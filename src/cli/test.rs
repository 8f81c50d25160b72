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
use crate::tables::{Bench, Coverage, Outcome, Table, bypass};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file. What it fetches is not fetched: throw-away keys stand in for its issuers'.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Tables of cases.
    #[arg(value_name = "TABLE", required_unless_present = "bypasses")]
    tables: Vec<PathBuf>,
    /// Try the bypasses that others were broken by: each changes a good call of each rule, and must be refused. The good
    /// calls are those of the tables, and where these have none are made up.
    #[arg(long)]
    bypasses: bool,
    /// Write the results as XML, in the form of `JUnit`.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail if the cases reach less of the routes, rules and policies; without a number, unless they reach all.
    #[arg(long, value_name = "PERCENT", requires = "tables", num_args = 0..=1, require_equals = true, default_missing_value = "100",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    require_coverage: Option<u8>,
}

/// The results of one table, or of the bypasses.
struct Suite {
    name: String,
    results: Vec<Ran>,
}

/// The result of one case, or of one bypass on one rule.
struct Ran {
    name: String,
    line: Option<u64>,
    /// The rule that a bypass was tried on.
    on: Option<String>,
    /// What else there is to know of it.
    about: String,
    took: Duration,
    outcome: Outcome,
}

/// All that ran.
struct Report {
    suites: Vec<Suite>,
    /// Where there are tables.
    coverage: Option<Coverage>,
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
    if args.bypasses {
        match bypasses(&bench, &tables) {
            Ok(suite) => suites.push(suite),
            Err(error) => return fail(error),
        }
    }
    let report = Report { suites, coverage: (!tables.is_empty()).then_some(coverage), required: args.require_coverage };
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
        let (on, about) = (None, String::new());
        Ran { name: case.name.clone(), line: case.line, on, about, took: started.elapsed(), outcome }
    });
    Suite { name: table.file.display().to_string(), results: results.collect() }
}

fn bypasses(bench: &Bench<'_>, tables: &[Table]) -> Result<Suite, String> {
    let results = bypass::try_all(bench, tables)?.into_iter().map(|tried| Ran {
        name: tried.name,
        line: None,
        on: Some(tried.rule),
        about: format!("{}; the good call is {}", tried.class, tried.good),
        took: tried.took,
        outcome: tried.outcome,
    });
    Ok(Suite { name: "bypasses".to_owned(), results: results.collect() })
}

impl Report {
    fn results(&self) -> impl Iterator<Item = &Ran> {
        self.suites.iter().flat_map(|suite| &suite.results)
    }

    /// How many ended as they should, and how many did not.
    fn counts(&self) -> (usize, usize) {
        let of = |wanted: fn(&Outcome) -> bool| self.results().filter(|ran| wanted(&ran.outcome)).count();
        (of(|outcome| matches!(outcome, Outcome::Passed)), of(Outcome::is_bad))
    }

    /// What is reached, in percent; nothing without a table.
    fn reached(&self) -> usize {
        self.coverage.as_ref().map_or(0, Coverage::percent)
    }

    /// What `--require-coverage` asks for and is not reached.
    fn lacking(&self) -> Option<u8> {
        self.required.filter(|percent| self.reached() < usize::from(*percent))
    }

    /// That nothing ran is no success.
    fn is_good(&self) -> bool {
        let (passed, bad) = self.counts();
        passed > 0 && bad == 0 && self.lacking().is_none()
    }
}
