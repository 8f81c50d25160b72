//! `hopgate schema`

use std::io::Write as _;
use std::path::PathBuf;

use super::check::report;
use super::exit::{self, Exit};
use crate::{config, tables};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the Cedar schema instead: what policies of this configuration file can speak of. Its
    /// policies need not be good yet.
    #[arg(long, value_name = "FILE")]
    policies: Option<PathBuf>,
    /// Print the JSON Schema of the tables of `hopgate test` instead.
    #[arg(long, conflicts_with = "policies")]
    tables: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    let text = match &args.policies {
        None if args.tables => serde_json::to_string_pretty(&tables::schema()).map_err(std::io::Error::other),
        None => serde_json::to_string_pretty(&config::schema()).map_err(std::io::Error::other),
        Some(file) => match config::policy_schema(file) {
            Ok(text) => Ok(text),
            Err(faults) => {
                report(file, "fault", &faults);
                return Exit::Faults;
            }
        },
    };
    exit::of(text.and_then(|text| writeln!(std::io::stdout(), "{}", text.trim_end())))
}
