//! Programs in folders of the testbed, on libraries that are fetched: how they are started, and what they print.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Error, Service, fetch};

/// Far longer than starting an interpreter or playing a scenario takes on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program on Node, `script` of `folder`.
pub(crate) fn node(folder: &str, script: &str, config: &Value) -> Result<Command, Error> {
    fetch::run("fetch-node-modules.sh", &[folder])?;
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(testbed.join("../.local/node/bin/node"));
    command.arg(testbed.join(folder).join(script)).arg(config.to_string());
    Ok(command)
}

/// A program on Python, `script` of `agents`.
pub(crate) fn python(script: &str, config: &Value) -> Result<Command, Error> {
    fetch::run("fetch-wheels.sh", &["agents"])?;
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("python3");
    // Without the machine's own packages, which would hide that one of ours is missing.
    command.args(["-S", "-B"]).env("PYTHONPATH", testbed.join("../.local/agents"));
    command.arg(testbed.join("agents").join(script)).arg(config.to_string());
    Ok(command)
}

/// The first line that `service` prints, which says where it listens.
pub(crate) fn first_line(service: &mut Service, name: &str) -> Result<Value, Error> {
    let line = service.wait_for_line(PATIENCE, |_| true)?;
    serde_json::from_str(&line).map_err(|_| unreadable(name, &line))
}

/// The JSON lines that `command` prints, the last of which is the step `end`.
pub(crate) fn play(name: &str, command: Command) -> Result<Vec<Value>, Error> {
    let mut client = Service::start(name, command)?;
    client.wait_for_line(PATIENCE, |line| line == r#"{"step":"end"}"#)?;
    client.lines().iter().map(|line| serde_json::from_str(line).map_err(|_| unreadable(name, line))).collect()
}

pub(crate) fn unreadable(name: &str, line: &str) -> Error {
    Error::Unreadable { name: name.to_owned(), found: line.to_owned() }
}
