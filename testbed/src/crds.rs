use std::path::{Path, PathBuf};

use crate::{Error, fetch};

/// The folder with the definitions of Istio's, Gateway API's and Envoy Gateway's kinds (`*.yaml`) and of Istio's mesh
/// configuration (`proto/`), and Envoy Gateway's Helm chart (`gateway-helm/`), fetched if it is not there.
///
/// # Errors
/// When `fetch-crds.sh` fails.
pub fn crds() -> Result<PathBuf, Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local/crds/istio-1.32.0-gateway-helm-1.9.1");
    if !folder.is_dir() {
        fetch::run("fetch-crds.sh", &[])?;
    }
    Ok(folder)
}
