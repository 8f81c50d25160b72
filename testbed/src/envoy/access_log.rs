use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::{Error, wait};

/// The first line of the access log at `log`, old or new, that `wanted` accepts.
///
/// Its fields are `time`, `request_id`, `method`, `path`, `status`, `details`, `flags`, `peer`, `duration_ms`, and
/// `authz`: the dynamic metadata of the authorization's answer. Envoy writes it up to 20 ms after the response.
///
/// # Errors
/// [`Error::TimedOut`] after `within`.
pub fn wait_for_access(log: &Path, within: Duration, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value, Error> {
    wait::until(&format!("a line in {}", log.display()), within, || {
        let text = fs::read_to_string(log).unwrap_or_default();
        // A line still being written is no JSON yet.
        let found = text.lines().filter_map(|line| serde_json::from_str(line).ok()).find(&mut wanted);
        Ok(found.ok_or(text))
    })
}
