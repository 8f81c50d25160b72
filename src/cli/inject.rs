//! `hopgate inject`

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::net::TcpListener;

use super::check::report;
use super::exit::{self, Exit, fail};
use super::serve::ended;
use crate::inject::{self, CertificateFiles};
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What pods are given.
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// Where the API server asks, over TLS: `/mutate`, `/validate`, `/livez`, `/readyz`.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// The certificate with its chain, PEM; taken anew when it changes.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The certificate's key, PEM.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) async fn run(args: Args) -> Exit {
    telemetry::start();
    let settings = match inject::load(&args.settings) {
        Ok(settings) => settings,
        Err(faults) => {
            report(&args.settings, "fault", &faults);
            return Exit::Faults;
        }
    };
    let shutdown = match ended() {
        Ok(shutdown) => shutdown,
        Err(error) => return fail(error),
    };
    let listener = match TcpListener::bind(args.listen).await {
        Ok(listener) => listener,
        Err(error) => return fail(format_args!("can't bind {}: {error}", args.listen)),
    };
    let files = CertificateFiles { certificate: args.certificate, key: args.key };
    exit::of(inject::serve(listener, files, settings, shutdown).await)
}
