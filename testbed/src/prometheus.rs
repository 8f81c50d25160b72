//! Prometheus' own tool for rules and expressions.

use std::path::Path;
use std::process::Command;

use crate::{Error, fetch};

/// `promtool`, without words yet.
///
/// # Errors
/// When it can't be fetched.
pub fn promtool() -> Result<Command, Error> {
    fetch::run("install-tools.sh", &["promtool"])?;
    Ok(Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/bin/promtool")))
}
