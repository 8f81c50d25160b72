//! The policies, read and compiled with the configuration: one bad policy refuses the whole of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::faults::Faults;
use super::files::Files;
use super::{rules, written};
use crate::authz::{Argument, Policies, PolicyFault, PolicySources, Services};

pub(super) fn build(
    config: &written::Config,
    services: &Services,
    files: &mut Files<'_>,
    faults: &mut Faults,
) -> Option<Arc<Policies>> {
    let policy = config.policy.as_ref()?;
    let mut sources = PolicySources {
        claims: claims(config),
        agents: config.agents.iter().map(|agent| agent.id.as_str().into()).collect(),
        issuers: config.issuers.iter().map(|issuer| issuer.issuer.as_str().into()).collect(),
        ..PolicySources::default()
    };
    for (at, pattern) in policy.files.iter().enumerate() {
        let path = format!("policy.files[{at}]");
        for file in find(pattern, &path, files, faults) {
            let text = files.read(&file, &path, faults).and_then(|bytes| utf8(bytes, &path, faults));
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if sources.files.iter().any(|(known, _)| *known == name) {
                faults.add(&path, format_args!("two files are named `{name}`, by which records tell policies apart"));
            }
            sources.files.extend(text.map(|text| (name, text)));
        }
    }
    if let Some(name) = &policy.entities {
        let bytes = files.read(name, "policy.entities", faults);
        sources.entities = bytes.and_then(|bytes| utf8(bytes, "policy.entities", faults));
    }
    match Policies::compile(sources, services) {
        Ok(policies) => Some(Arc::new(policies)),
        Err(found) => {
            for PolicyFault { file, message } in found {
                match file {
                    Some(file) => faults.add("policy.files", format_args!("`{file}`: {message}")),
                    None => faults.add("policy", message),
                }
            }
            None
        }
    }
}

/// The claims that policies look at. No token has to have them, so policies have to ask first.
pub(super) fn claims(config: &written::Config) -> Vec<Argument> {
    let written = config.policy.iter().flat_map(|policy| &policy.claims);
    written.map(|(name, kind)| Argument { optional: true, ..rules::argument(name, *kind) }).collect()
}

/// The files that `pattern` stands for, in the order of their names.
fn find(pattern: &str, path: &str, files: &Files<'_>, faults: &mut Faults) -> Vec<PathBuf> {
    if !pattern.contains('*') {
        return vec![PathBuf::from(pattern)];
    }
    // What is found is relative to where we run, and would be read relative to the folder.
    let folder = std::path::absolute(files.path_of(".")).unwrap_or_else(|_| files.path_of("."));
    // The folder's own name may hold a star.
    let folder = glob::Pattern::escape(&folder.to_string_lossy());
    let whole = Path::new(&folder).join(pattern);
    let found: Vec<PathBuf> = match glob::glob(&whole.to_string_lossy()) {
        Ok(paths) => paths
            .filter_map(|found| {
                found.map_err(|error| faults.add(path, format_args!("found `{pattern}`: {error}"))).ok()
            })
            .collect(),
        Err(error) => {
            faults.add(path, format_args!("found `{pattern}`: {error}"));
            return Vec::new();
        }
    };
    if found.is_empty() {
        faults.add(path, format_args!("no file is there for `{pattern}`"));
    }
    found
}

fn utf8(bytes: Vec<u8>, path: &str, faults: &mut Faults) -> Option<String> {
    let text = String::from_utf8(bytes).ok();
    if text.is_none() {
        faults.add(path, "not UTF-8");
    }
    text
}
