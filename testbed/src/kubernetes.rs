//! What Kubernetes itself says of manifests, without a cluster: the JSON Schemas of its versions, and Helm.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, fetch};

/// Helm, with nothing of the user's own configuration.
///
/// # Errors
/// When it can't be fetched.
pub fn helm() -> Result<Command, Error> {
    let mut command = Command::new(tool("helm")?);
    for (variable, folder) in [("HELM_CONFIG_HOME", "config"), ("HELM_CACHE_HOME", "cache"), ("HELM_DATA_HOME", "data")]
    {
        command.env(variable, local().join("helm").join(folder));
    }
    Ok(command)
}

/// Holds the manifests in `text`, YAML or JSON documents, against the schemas of Kubernetes `version` such as `1.33`, with
/// unknown fields refused. Gives a line for each fault; a kind that has no schema there is one.
///
/// # Errors
/// When the validator can't be fetched or run.
pub fn faults(version: &str, text: &str) -> Result<Vec<String>, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("make a folder"))?;
    let file = folder.path().join("manifests.yaml");
    std::fs::write(&file, text).map_err(Error::io("write manifests"))?;
    let output = Command::new(tool("kubernetes-validate")?)
        .args(["--kubernetes-version", version, "--strict", "--quiet"])
        .arg(&file)
        .output()
        .map_err(Error::io("run kubernetes-validate"))?;
    let said = [output.stdout, output.stderr].concat();
    let mut lines: Vec<_> = String::from_utf8_lossy(&said).lines().map(str::to_owned).collect();
    if lines.is_empty() && !output.status.success() {
        lines.push(format!("kubernetes-validate ended with {}", output.status));
    }
    Ok(lines)
}

fn tool(name: &str) -> Result<PathBuf, Error> {
    fetch::run("install-tools.sh", &[name])?;
    Ok(local().join("bin").join(name))
}

fn local() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.local")
}
