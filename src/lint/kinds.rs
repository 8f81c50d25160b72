//! What a document is, and what of it counts. Another kind of document gets its arm here.

use super::document::Document;
use super::finding::Fault;
use super::kubernetes;
use super::node::Node;
use super::sources::{Listed, Sources};

/// Hands over what `document` holds.
///
/// # Errors
/// Where it is no kind of document that is known.
pub(super) fn take<'a>(document: &'a Document, sources: &mut Sources<'a>) -> Result<(), Fault> {
    let root = document.root();
    let taken = match Kind::of(&root) {
        Kind::Kubernetes { api_version, kind } => kubernetes::take(&root, api_version, kind, sources),
        Kind::List => root.items().iter().all(|item| resource(shape(item), item, sources)),
        Kind::Message(kind) => resource(kind, &root.message().fields, sources),
        Kind::Unknown => false,
    };
    if taken {
        return Ok(());
    }
    let expected =
        "an Envoy bootstrap, a config dump, resources of Envoy, of Istio or of Envoy Gateway, or a ConfigMap with one";
    Err(document.fault("", format_args!("found {}, expected {expected}", described(&root))))
}

/// Whether [`take`] takes it. What it refuses has its fault already.
pub(super) fn known(document: &Document) -> bool {
    take(document, &mut Sources::default()).is_ok()
}

enum Kind<'a> {
    Kubernetes {
        api_version: &'a str,
        kind: &'a str,
    },
    /// Resources without their types, as `istioctl proxy-config … -o json` prints them.
    List,
    Message(&'a str),
    Unknown,
}

impl<'a> Kind<'a> {
    fn of(root: &Node<'a>) -> Self {
        if root.is_list() {
            return Self::List;
        }
        if !root.is_mapping() {
            return Self::Unknown;
        }
        if let (Some(api_version), Some(kind)) = (root.key("apiVersion").text(), root.key("kind").text()) {
            return Self::Kubernetes { api_version, kind };
        }
        match root.message().kind {
            "" => match shape(root) {
                "" => Self::Unknown,
                kind => Self::Message(kind),
            },
            kind => Self::Message(kind),
        }
    }
}

const BOOTSTRAP: &str = "envoy.config.bootstrap.v3.Bootstrap";
const LISTENER: &str = "envoy.config.listener.v3.Listener";
const ROUTES: &str = "envoy.config.route.v3.RouteConfiguration";
const SCOPE: &str = "envoy.config.route.v3.ScopedRouteConfiguration";
const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const ENDPOINTS: &str = "envoy.config.endpoint.v3.ClusterLoadAssignment";
const EXTENSION: &str = "envoy.config.core.v3.TypedExtensionConfig";
const SECRET: &str = "envoy.extensions.transport_sockets.tls.v3.Secret";
const RESOURCE: &str = "envoy.service.discovery.v3.Resource";
const RESOURCES: &str = "envoy.service.discovery.v3.DiscoveryResponse";
/// Istio's mesh configuration, and the values of its Helm chart around one.
const MESH: &str = "istio.mesh.v1alpha1.MeshConfig";
const MESH_VALUES: &str = "values of istiod";
const DUMP: &str = "envoy.admin.v3.ConfigDump";
pub(super) const MANAGER: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// The type of a message that does not say it, by a field that no other has.
fn shape(node: &Node<'_>) -> &'static str {
    let fields = [
        ("static_resources", BOOTSTRAP),
        ("dynamic_resources", BOOTSTRAP),
        ("configs", DUMP),
        ("resources", RESOURCES),
        ("filter_chains", LISTENER),
        ("default_filter_chain", LISTENER),
        ("api_listener", LISTENER),
        ("virtual_hosts", ROUTES),
        ("http_filters", MANAGER),
        ("load_assignment", CLUSTER),
        ("connect_timeout", CLUSTER),
        ("mesh_config", MESH_VALUES),
        ("extension_providers", MESH),
        ("path_normalization", MESH),
    ];
    fields.into_iter().find(|(field, _)| node.at(field).exists()).map_or("", |(_, kind)| kind)
}

/// Takes a resource of type `kind`; false where nobody knows the type.
fn resource<'a>(kind: &str, node: &Node<'a>, sources: &mut Sources<'a>) -> bool {
    match kind {
        BOOTSTRAP => sources.bootstrap(node, Listed::default()),
        LISTENER => sources.listeners.push(node.clone()),
        ROUTES => sources.routes.push(node.clone()),
        SCOPE => sources.scopes.push(node.clone()),
        CLUSTER => sources.clusters.push(node.clone()),
        ENDPOINTS => sources.assignments.push(node.clone()),
        EXTENSION => sources.extensions.push(node.clone()),
        SECRET => sources.secrets.push(node.clone()),
        MANAGER => sources.managers.push(node.clone()),
        MESH => sources.meshes.push(node.clone()),
        MESH_VALUES => sources.meshes.push(node.at("mesh_config")),
        RESOURCE => return any(&node.at("resource"), sources),
        RESOURCES => return node.at("resources").items().iter().all(|item| any(item, sources)),
        DUMP => dump(node, sources),
        _ => return false,
    }
    true
}

fn any<'a>(node: &Node<'a>, sources: &mut Sources<'a>) -> bool {
    let message = node.message();
    resource(message.kind, &message.fields, sources) || KNOWN_TO_BE_NO_MATTER.contains(&message.kind)
}

/// Types of resources that have no say in whether hopgate is asked.
const KNOWN_TO_BE_NO_MATTER: [&str; 2] = ["envoy.config.route.v3.VirtualHost", "envoy.service.runtime.v3.Runtime"];

/// `/config_dump`: a list of dumps, each of one kind of resource, or of the resources themselves.
fn dump<'a>(node: &Node<'a>, sources: &mut Sources<'a>) {
    let parts = node.at("configs").items();
    let has = |kind: &str| parts.iter().any(|part| part.message().kind.strip_prefix("envoy.admin.v3.") == Some(kind));
    let listed = Listed { listeners: has("ListenersConfigDump"), clusters: has("ClustersConfigDump") };
    for part in &parts {
        let message = part.message();
        let fields = &message.fields;
        let kind = message.kind.strip_prefix("envoy.admin.v3.").unwrap_or(message.kind);
        match kind {
            "BootstrapConfigDump" => sources.bootstrap(&fields.at("bootstrap"), listed),
            "ListenersConfigDump" => {
                each(fields, &["static_listeners"], "listener", sources);
                fields.at("dynamic_listeners").items().iter().for_each(|listener| states(listener, sources));
            }
            "ListenersConfigDump.DynamicListener" => states(fields, sources),
            "ListenersConfigDump.StaticListener" => dumped(&fields.at("listener"), sources),
            "ClustersConfigDump" => {
                each(
                    fields,
                    &["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"],
                    "cluster",
                    sources,
                );
            }
            "ClustersConfigDump.StaticCluster" | "ClustersConfigDump.DynamicCluster" => {
                dumped(&fields.at("cluster"), sources);
            }
            "EndpointsConfigDump" => {
                each(fields, &["static_endpoint_configs", "dynamic_endpoint_configs"], "endpoint_config", sources);
            }
            "RoutesConfigDump" => {
                each(fields, &["static_route_configs", "dynamic_route_configs"], "route_config", sources);
            }
            "RoutesConfigDump.StaticRouteConfig" | "RoutesConfigDump.DynamicRouteConfig" => {
                dumped(&fields.at("route_config"), sources);
            }
            "ScopedRoutesConfigDump" => scopes(fields, sources),
            "SecretsConfigDump" => {
                each(
                    fields,
                    &["static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"],
                    "secret",
                    sources,
                );
            }
            "EcdsConfigDump" => each(fields, &["ecds_filters"], "ecds_filter", sources),
            "EcdsConfigDump.EcdsFilterConfig" => dumped(&fields.at("ecds_filter"), sources),
            // Whatever comes after Envoy 1.40: a manager in it is found by `manager::lint_unseen`.
            _ => dumped(part, sources),
        }
    }
}

fn each<'a>(dump: &Node<'a>, lists: &[&str], field: &str, sources: &mut Sources<'a>) {
    for entry in lists.iter().flat_map(|list| dump.at(list).items()) {
        dumped(&entry.at(field), sources);
    }
}

/// Takes what a dump holds. A type that nobody knows is no fault there, as dumps hold much that has no say.
fn dumped<'a>(node: &Node<'a>, sources: &mut Sources<'a>) {
    any(node, sources);
}

/// A listener of a dump: in force, about to be, and still open to those who are connected.
fn states<'a>(listener: &Node<'a>, sources: &mut Sources<'a>) {
    for state in ["active_state", "warming_state", "draining_state"] {
        let listener = listener.at(state).at("listener");
        if listener.exists() {
            dumped(&listener, sources);
        }
    }
}

/// Each list of scopes knows by its own name which manager it belongs to.
fn scopes<'a>(dump: &Node<'a>, sources: &mut Sources<'a>) {
    for list in ["inline_scoped_route_configs", "dynamic_scoped_route_configs"] {
        for entry in dump.at(list).items() {
            sources.scope_lists.push(entry);
        }
    }
}

fn described(root: &Node<'_>) -> String {
    match Kind::of(root) {
        Kind::Kubernetes { api_version, kind } => format!("`{kind}` of `{api_version}`"),
        Kind::List => "a list that is none of resources".to_owned(),
        Kind::Message(kind) => format!("`{kind}`"),
        Kind::Unknown => root.shown(),
    }
}
