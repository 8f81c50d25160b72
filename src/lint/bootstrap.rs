//! Envoy as a process: its admin interface, its runtime, and what it gets from elsewhere.

use super::Lint;
use super::cluster;
use super::listener::is_local;
use super::node::Node;
use super::rules::Rule;

pub(super) fn lint<'a>(lint: &Lint<'a>, bootstrap: &Node<'a>) {
    let admin = bootstrap.at("admin").at("address");
    if admin.exists() && !is_local(&admin) {
        lint.found(Rule::AdminExposed, &admin, format_args!("found {}", admin.down("socket_address.address").shown()));
    }
    // A dump has what came from there.
    let listed = lint.sources.dumps.iter().any(|dump| dump.id() == bootstrap.id());
    for field in ["lds_config", "lds_resources_locator", "ads_config"] {
        let source = bootstrap.at("dynamic_resources").at(field);
        if source.exists() && !listed {
            lint.found(Rule::ListenersElsewhere, &source, format_args!("found `{field}`"));
        }
    }
    for layer in bootstrap.at("layered_runtime").at("layers").items() {
        lint_layer(lint, &layer.at("static_layer"), "");
    }
}

impl<'a> Lint<'a> {
    /// Whether cluster `name` is Envoy's own admin interface.
    pub(super) fn leads_to_admin(&self, name: &str, near: &Node<'a>) -> bool {
        let admins: Vec<_> =
            self.sources.bootstraps.iter().map(|bootstrap| bootstrap.at("admin").at("address")).collect();
        let clusters = self.clusters(name, near);
        let endpoints = clusters.iter().flat_map(|cluster| cluster::addresses(self, cluster));
        endpoints.into_iter().any(|endpoint| admins.iter().any(|admin| same(admin, &endpoint)))
    }
}

/// Whether `endpoint` leads to what listens on `admin`, which may be on all addresses of this host.
fn same(admin: &Node<'_>, endpoint: &Node<'_>) -> bool {
    let pipe = |address: &Node<'_>| address.down("pipe.path").text().map(str::to_owned);
    let port = |address: &Node<'_>| address.down("socket_address.port_value").number();
    let shared_pipe = pipe(admin).is_some() && pipe(admin) == pipe(endpoint);
    let address = |address: &Node<'_>| address.down("socket_address.address").text().map(str::to_owned);
    let shared_port = port(admin).is_some_and(|port| port != 0)
        && port(admin) == port(endpoint)
        && (cluster::stays_here(endpoint) || address(admin) == address(endpoint));
    shared_pipe || shared_port
}

/// Keys may be written with dots, or nested.
fn lint_layer<'a>(lint: &Lint<'a>, layer: &Node<'a>, prefix: &str) {
    for (name, value) in layer.members() {
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        if key == "envoy.reloadable_features.http_reject_path_with_fragment" && value.switch() == Some(false) {
            lint.found(Rule::FragmentKept, &value, format_args!("`{key}` is {}", value.shown()));
        } else if lint.runtime_keys.borrow().iter().any(|asked| *asked == key) {
            lint.found(Rule::RuntimeOverridesAuthz, &value, format_args!("`{key}` is {}", value.shown()));
        } else if value.is_mapping() {
            lint_layer(lint, &value, &key);
        }
    }
}
