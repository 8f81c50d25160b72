//! `hopgate check`

use std::path::{Path, PathBuf};

use super::exit::Exit;
use crate::config::{self, Fault};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    config: PathBuf,
    /// Take warnings for faults.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    match config::load(&args.config) {
        Ok(settings) => {
            report(&args.config, "warning", &settings.warnings);
            if args.strict && !settings.warnings.is_empty() {
                return Exit::Faults;
            }
            let policies = match settings.policies.as_ref().map_or(0, |policies| policies.len()) {
                1 => "1 policy".to_owned(),
                several => format!("{several} policies"),
            };
            let routes: usize = settings.services.iter().map(|service| service.routes.iter().count()).sum();
            println!(
                "{}: good: {} issuer(s), {} agent(s), {} service(s), {routes} route(s), {policies}, revision {}",
                args.config.display(),
                settings.issuers.len(),
                settings.agents.iter().count(),
                settings.services.iter().count(),
                settings.revision,
            );
            Exit::Done
        }
        Err(faults) => {
            report(&args.config, "fault", &faults);
            Exit::Faults
        }
    }
}

/// One line a fault, on stderr: file and line, kind, path in the file, what is wrong.
pub(super) fn report(file: &Path, kind: &str, faults: &[Fault]) {
    for fault in faults {
        eprintln!("{}", fault.told(file, kind));
    }
}
