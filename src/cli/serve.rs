//! `hopgate serve`

use std::io;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::check::report;
use super::exit::{Exit, fail};
use crate::server::{self, ServeError};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file; changes of it are taken while running.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(super) async fn run(args: Args) -> Exit {
    telemetry::start();
    raise_file_limit();
    let shutdown = match ended() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(error),
    };
    match server::serve(&args.config, io::stdout(), shutdown).await {
        Ok(()) => Exit::Done,
        Err(ServeError::Config { file, faults }) => {
            report(&file, "fault", &faults);
            Exit::Faults
        }
        Err(error) => fail(error),
    }
}

/// Waits for SIGTERM or SIGINT, which from now on don't end the process by themselves.
pub(super) fn ended() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Every connection needs a descriptor, and the usual soft limit is 1024.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, current = ?limit.current, "the limit of open files stays");
    }
}
