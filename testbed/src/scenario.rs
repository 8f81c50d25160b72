//! Programs that play something and print what they saw.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Error, Service};

/// Far longer than starting an interpreter or playing a scenario takes on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The JSON lines that `command` prints, the last of which is the step `end`.
pub(crate) fn play(name: &str, command: Command) -> Result<Vec<Value>, Error> {
    let mut client = Service::start(name, command)?;
    client.wait_for_line(PATIENCE, |line| line == r#"{"step":"end"}"#)?;
    client.lines().iter().map(|line| serde_json::from_str(line).map_err(|_| unreadable(name, line))).collect()
}

/// The first line that `service` prints, which says where it listens.
pub(crate) fn first_line(service: &mut Service, name: &str) -> Result<Value, Error> {
    let line = service.wait_for_line(PATIENCE, |_| true)?;
    serde_json::from_str(&line).map_err(|_| unreadable(name, &line))
}

pub(crate) fn unreadable(name: &str, line: &str) -> Error {
    Error::Unreadable { name: name.to_owned(), found: line.to_owned() }
}
