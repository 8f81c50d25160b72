//! hopgate's main job, played with real parts: planner → researcher → invoices, each behind an Envoy with a hopgate.
//!
//! `make demo` builds and runs it. [`mesh`] starts everything, [`story`] says what is tried and what must come of it,
//! [`report`] prints it. The configurations are in `demo/config/`.

mod agent;
mod client;
mod decision;
mod folder;
mod keep;
mod mesh;
mod names;
mod records;
mod report;
mod sidecar;
mod story;
mod tokens;

use std::io;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::mesh::Mesh;

/// Anything that went wrong, for a person to read.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// planner -> researcher -> invoices behind real Envoys: what hopgate allows, and what it refuses
#[derive(Debug, Parser)]
#[command(name = "hopgate-demo", version)]
struct Args {
    /// Leave everything running afterwards, until Ctrl-C, with files in .local/demo
    #[arg(long)]
    keep: bool,
    /// Print whole decision records, as hopgate writes them
    #[arg(long)]
    lines: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(fault) => {
            anstream::eprintln!("hopgate-demo: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything was as expected. What is dropped on the way out, for whatever reason, ends what it started.
async fn run(args: &Args) -> Result<bool, Fault> {
    // Before anything is started, so that no signal leaves it behind.
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let (mesh, good) = tokio::select! {
        played = play(args) => played?,
        () = &mut stop => return Err("stopped by a signal".into()),
    };
    if args.keep {
        anstream::println!("\n{}\nDecisions appear below; Ctrl-C ends it all.\n", keep::instructions(&mesh)?);
        tokio::select! {
            () = keep::follow(&mesh, args.lines) => {}
            () = stop => {}
        }
    }
    Ok(good)
}

async fn play(args: &Args) -> Result<(Mesh, bool), Fault> {
    let started = Instant::now();
    let mut mesh = Mesh::start(args.keep).await?;
    let played = story::play(&mut mesh).await?;
    anstream::println!("{}", report::table(&played));
    anstream::println!("The decision of each:\n{}", report::decisions(&played, args.lines));
    anstream::println!("{}", records::shown(&mesh)?);
    anstream::println!("{}", report::sum(&played, started.elapsed()));
    Ok((mesh, played.iter().all(report::Played::is_as_expected)))
}

/// Completes on SIGINT or SIGTERM, of which none is missed from now on.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
