use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The Envoy to run: `HOPGATE_ENVOY`, else `.local/envoy-1.40.0/envoy` of the workspace, fetched if it is not there.
///
/// # Errors
/// When `HOPGATE_ENVOY` names no file, or `fetch-envoy.sh` fails.
pub fn binary() -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("HOPGATE_ENVOY").map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(Error::NoSuchEnvoy(named)) };
    }
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let local = testbed.join("../.local");
    let envoy = local.join("envoy-1.40.0/envoy");
    if !envoy.is_file() {
        // Tests start together: one downloads, the others wait for it.
        fs::create_dir_all(&local).map_err(Error::io("make .local"))?;
        let lock = File::create(local.join("envoy.lock")).map_err(Error::io("open the lock"))?;
        lock.lock().map_err(Error::io("wait for the lock"))?;
        fetch(testbed)?;
    }
    Ok(envoy)
}

fn fetch(testbed: &Path) -> Result<(), Error> {
    let output = Command::new(testbed.join("fetch-envoy.sh")).output().map_err(Error::io("run fetch-envoy.sh"))?;
    if output.status.success() {
        Ok(())
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(Error::Fetch(stderr.trim().to_owned()))
    }
}
