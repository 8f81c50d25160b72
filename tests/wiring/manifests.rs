//! The files of `k8s/` as documents.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) const ISTIO: &str = "k8s/istio";
pub(crate) const ENVOY_GATEWAY: &str = "k8s/envoy-gateway";

/// A document of a YAML file.
pub(crate) struct Manifest {
    pub(crate) file: PathBuf,
    pub(crate) value: Value,
}

impl Manifest {
    pub(crate) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }
}

/// Every document of every YAML file in `folder`, at any depth, but Helm's values.
pub(crate) fn manifests(folder: &str) -> Vec<Manifest> {
    let mut found = Vec::new();
    for file in every_file(Path::new(folder)) {
        if file.extension().is_none_or(|end| end != "yaml")
            || file.file_name().unwrap().to_str().unwrap().ends_with("values.yaml")
        {
            continue;
        }
        found.extend(documents(&file).into_iter().map(|value| Manifest { file: file.clone(), value }));
    }
    assert!(!found.is_empty(), "{folder} is empty");
    found
}

pub(crate) fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false, budget: None };
    serde_saphyr::from_multiple_with_options(&text, options)
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_files_that_the_guides_name_are_there() {
    for guide in ["istio", "envoy-gateway", "agentgateway"] {
        let text = fs::read_to_string(format!("docs/{guide}.md")).unwrap();
        let words = text.split(|sign: char| sign.is_whitespace() || "`()[],;".contains(sign));
        let named: Vec<_> = words.filter(|word| word.starts_with("k8s/")).collect();
        assert!(!named.is_empty());
        for word in named {
            assert!(Path::new(word).exists(), "docs/{guide}.md: {word}");
        }
    }
}

/// Every file in `folder`, at any depth.
pub(crate) fn every_file(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(every_file(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
