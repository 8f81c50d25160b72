//! Operational logs: JSON lines on stderr, apart from the decision records on stdout.

use tracing_subscriber::EnvFilter;

const VARIABLE: &str = "HOPGATE_LOG";

/// Starts logging at `info`, or as the environment variable `HOPGATE_LOG` says
/// (`tracing-subscriber` filter syntax). A second call changes nothing.
pub fn start() {
    let filter = std::env::var(VARIABLE).ok().and_then(|text| EnvFilter::try_new(with_quiet_tls(&text)).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(with_quiet_tls("info")));
    // An error means that logging has started already.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
}

/// rustls warns of what any stranger's hello holds, in as many lines as come. What matters of it is
/// in the line about a refused client, and those are bounded.
fn with_quiet_tls(text: &str) -> String {
    if text.contains("rustls") { text.to_owned() } else { format!("{text},rustls=error") }
}
