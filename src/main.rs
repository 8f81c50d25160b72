//! The `hopgate` program: parse the command line, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use hopgate::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await.into()
}
