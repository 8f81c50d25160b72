//! Parts that are not in the repository.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use crate::Error;

/// Runs the testbed's own `script`. Tests start together: one fetches, the others wait for it.
pub(crate) fn run(script: &'static str, arguments: &[&str]) -> Result<(), Error> {
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let local = testbed.join("../.local");
    fs::create_dir_all(&local).map_err(Error::io("make .local"))?;
    let lock = File::create(local.join(format!("{script}.lock"))).map_err(Error::io("open the lock"))?;
    lock.lock().map_err(Error::io("wait for the lock"))?;
    let output =
        Command::new(testbed.join(script)).args(arguments).output().map_err(Error::io(format!("run {script}")))?;
    if output.status.success() {
        Ok(())
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Error::Fetch { script, stderr: stderr.trim().to_owned() })
    }
}
