//! Operational logs: JSON lines on stderr, apart from the decision records on stdout.

use tracing_subscriber::EnvFilter;

/// Starts logging at `info`, or as the environment variable `HOPGATE_LOG` says
/// (`tracing-subscriber` filter syntax). A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_env("HOPGATE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // An error means that logging has started already.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}
