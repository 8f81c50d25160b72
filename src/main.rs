//! The `hopgate` program: parse the command line, run, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use hopgate::cli::{self, Cli};

/// Checks allocate in small pieces on every thread, and a static image would bring musl's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run(Cli::parse()).await.into()
}
