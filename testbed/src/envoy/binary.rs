use std::path::{Path, PathBuf};

use crate::{Error, fetch};

/// The Envoy to run: `HOPGATE_ENVOY`, else `.local/envoy-1.40.0/envoy` of the workspace, fetched if it is not there.
///
/// # Errors
/// When `HOPGATE_ENVOY` names no file, or `fetch-envoy.sh` fails.
pub fn binary() -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("HOPGATE_ENVOY").map(PathBuf::from) {
        return if named.is_file() { Ok(named) } else { Err(Error::NoSuchEnvoy(named)) };
    }
    let envoy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/envoy-1.40.0/envoy");
    if !envoy.is_file() {
        fetch::run("fetch-envoy.sh", &[])?;
    }
    Ok(envoy)
}
