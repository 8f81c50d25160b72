//! Kubernetes objects. A `ConfigMap` holds files, which are read as such; each other kind gets its arm in [`take`].

use super::document::{self, Document};
use super::envoy_filter;
use super::finding::Fault;
use super::node::Node;
use super::objects::Object;
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
        ["static_resources", "http_connection_manager", "virtual_hosts", "extensionProviders", "pathNormalization"]
            .iter()
            .any(|word| text.contains(word))
    };
    texts
        .filter(|(_, text)| about_envoy(text))
        .map(|(path, text)| (format!("{}: {path}", document.file), text.to_owned()))
        .collect()
}

/// Groups and kinds that have a say in whether hopgate is asked, and in what it gets to see.
const SAYING: [(&str, &str); 14] = [
    ("networking.istio.io", "EnvoyFilter"),
    ("security.istio.io", "AuthorizationPolicy"),
    ("security.istio.io", "PeerAuthentication"),
    ("gateway.envoyproxy.io", "SecurityPolicy"),
    ("gateway.envoyproxy.io", "ClientTrafficPolicy"),
    ("gateway.envoyproxy.io", "EnvoyPatchPolicy"),
    ("gateway.envoyproxy.io", "Backend"),
    ("gateway.networking.k8s.io", "BackendTLSPolicy"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
    ("gateway.networking.k8s.io", "GRPCRoute"),
    ("gateway.networking.k8s.io", "TCPRoute"),
    ("gateway.networking.k8s.io", "TLSRoute"),
    ("gateway.networking.k8s.io", "UDPRoute"),
    ("gateway.networking.k8s.io", "Gateway"),
];

/// Groups of which nothing else has one, beside the kinds that are told in docs/lint-envoy.md.
const SILENT: [&str; 9] = [
    "",
    "apps",
    "networking.k8s.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.envoyproxy.io",
    "gateway.networking.k8s.io",
];

/// Takes an object; false where its kind is not known.
pub(super) fn take<'a>(root: &Node<'a>, api_version: &'a str, kind: &'a str, sources: &mut Sources<'a>) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    if group.is_empty() && kind == "List" {
        return root.key("items").items().iter().all(|item| {
            let words = (item.key("apiVersion").text(), item.key("kind").text());
            matches!(words, (Some(api_version), Some(kind)) if take(item, api_version, kind, sources))
        });
    }
    if (group, kind) == ("install.istio.io", "IstioOperator") {
        sources.meshes.push(root.down("spec.mesh_config"));
    } else if SAYING.contains(&(group, kind)) {
        if kind == "EnvoyFilter" {
            sources.clusters.extend(envoy_filter::clusters(root));
        }
        sources.objects.push(Object { kind, root: root.clone() });
    } else if SILENT.contains(&group) {
        sources.silent.push(root.clone());
    } else {
        return false;
    }
    true
}
