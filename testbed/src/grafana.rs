//! What Grafana's own types say of a dashboard.

use std::path::Path;
use std::process::Command;

use crate::{Error, fetch};

/// Holds `dashboard` against the types that Grafana publishes, with unknown fields refused. Gives a line for each fault.
///
/// # Errors
/// When the types can't be fetched or their checker can't be run.
pub fn faults(dashboard: &str) -> Result<Vec<String>, Error> {
    fetch::run("fetch-node-modules.sh", &["grafana"])?;
    let folder = tempfile::tempdir().map_err(Error::io("make a folder"))?;
    let file = folder.path().join("dashboard.json");
    std::fs::write(&file, dashboard).map_err(Error::io("write a dashboard"))?;
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(testbed.join("../.local/node/bin/node"))
        .arg(testbed.join("grafana/check.mjs"))
        .arg(&file)
        .output()
        .map_err(Error::io("run Grafana's types"))?;
    let said = [output.stdout, output.stderr].concat();
    let mut lines: Vec<_> = String::from_utf8_lossy(&said).lines().map(str::to_owned).collect();
    if lines.is_empty() && !output.status.success() {
        lines.push(format!("the checker ended with {}", output.status));
    }
    Ok(lines)
}
