//! Kubernetes objects. A `ConfigMap` holds files, which are read as such; each other kind gets its arm in [`take`].

use super::document::{self, Document};
use super::finding::Fault;
use super::node::Node;
use super::sources::Sources;

/// Replaces a `ConfigMap` by the Envoy configurations in it.
///
/// # Errors
/// Where one of them can't be read.
pub(super) fn unfold(documents: Vec<Document>) -> Result<Vec<Document>, Fault> {
    let mut unfolded = Vec::new();
    for document in documents {
        let files = files(&document);
        if files.is_empty() {
            unfolded.push(document);
            continue;
        }
        for (path, text) in files {
            unfolded.extend(document::read(&path, &text)?);
        }
    }
    Ok(unfolded)
}

/// Name and text of each file of a `ConfigMap` that is about Envoy.
fn files(document: &Document) -> Vec<(String, String)> {
    let root = document.root();
    if !root.is_mapping() || root.key("kind").text() != Some("ConfigMap") {
        return Vec::new();
    }
    let entries = root.key("data").members().into_iter();
    let texts = entries.filter_map(|(_, entry)| Some((entry.path().to_owned(), entry.text()?)));
    let about_envoy = |text: &str| {
        ["static_resources", "http_connection_manager", "virtual_hosts"].iter().any(|word| text.contains(word))
    };
    texts
        .filter(|(_, text)| about_envoy(text))
        .map(|(path, text)| (format!("{}: {path}", document.file), text.to_owned()))
        .collect()
}

/// Takes an object; false where its kind is not known.
pub(super) fn take<'a>(_root: &Node<'a>, _api_version: &str, _kind: &str, _sources: &mut Sources<'a>) -> bool {
    false
}
