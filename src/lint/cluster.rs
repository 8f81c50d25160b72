//! The cluster that hopgate stands behind: who can listen in, and who can answer in its place.

use super::Lint;
use super::listener::is_local;
use super::node::Node;
use super::rules::Rule;
use super::tls::{self, Validation};

const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Looks at every cluster that a filter asks.
pub(super) fn lint_asked(lint: &Lint<'_>) {
    for (name, named) in lint.asked.borrow().iter() {
        match lint.cluster(name, named) {
            Some(cluster) => lint_one(lint, &cluster),
            None => lint.found(Rule::ClusterMissing, named, format_args!("no cluster `{name}` was given")),
        }
    }
}

fn lint_one<'a>(lint: &Lint<'a>, cluster: &Node<'a>) {
    let tls = tls::context(&cluster.at("transport_socket"));
    lint_protocol(lint, cluster, tls.is_some());
    let kind = cluster.at("type");
    let by_destination =
        kind.choice(&["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"]) == Some("ORIGINAL_DST");
    let forward_proxy = cluster.at("cluster_type").at("typed_config").message().kind.contains("dynamic_forward_proxy");
    if by_destination || forward_proxy {
        let at = if by_destination { kind } else { cluster.at("cluster_type") };
        lint.found(Rule::ClusterByCaller, &at, "it has no endpoints of its own");
        return;
    }
    let addresses = addresses(cluster);
    for pipe in addresses.iter().map(|address| address.down("pipe.path")) {
        if pipe.text().is_some_and(|path| path.starts_with('@')) {
            lint.found(Rule::ClusterAbstractSocket, &pipe, format_args!("found {}", pipe.shown()));
        }
    }
    let local =
        |address: &Node<'_>| is_local(address) || address.down("socket_address.address").text() == Some("localhost");
    if addresses.is_empty() || !addresses.iter().all(local) {
        lint_remote(lint, cluster, tls);
    }
}

/// The addresses of a cluster's own endpoints.
pub(super) fn addresses<'a>(cluster: &Node<'a>) -> Vec<Node<'a>> {
    let localities = cluster.at("load_assignment").at("endpoints").items().into_iter();
    let entries = localities.flat_map(|locality| locality.at("lb_endpoints").items());
    entries.map(|entry| entry.at("endpoint").at("address")).collect()
}

fn lint_protocol(lint: &Lint<'_>, cluster: &Node<'_>, tls: bool) {
    let options = cluster.at("typed_extension_protocol_options").key(OPTIONS);
    let by_alpn = options.at("auto_config").exists() && tls;
    let http2 = options.down("explicit_http_config.http2_protocol_options").exists()
        || cluster.at("http2_protocol_options").exists();
    if !http2 && !by_alpn {
        lint.found(Rule::ClusterHttp1, &options, "no `http2_protocol_options`");
    }
}

/// hopgate on another machine, or where nobody knows.
fn lint_remote<'a>(lint: &Lint<'a>, cluster: &Node<'a>, tls: Option<Node<'a>>) {
    let Some(context) = tls else {
        lint.found(Rule::ClusterPlaintext, &cluster.at("transport_socket"), "no TLS, beyond loopback");
        return;
    };
    let common = context.at("common_tls_context");
    let validation = Validation::of(lint, &common);
    if let Some((at, found)) = validation.unverified() {
        lint.found(Rule::ClusterUnverified, &at, found);
    } else if let Some(at) = validation.open_names() {
        lint.found(Rule::ClusterNamesOpen, &at, "no name is asked for");
    }
    let own = ["tls_certificates", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance"];
    if !own.iter().any(|field| common.at(field).exists()) {
        lint.found(Rule::ClusterNoCertificate, &common.at("tls_certificates"), "Envoy shows no certificate");
    }
}
