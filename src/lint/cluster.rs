//! The cluster that hopgate stands behind: who can listen in, and who can answer in its place.

use super::Lint;
use super::filters;
use super::listener::is_local;
use super::node::Node;
use super::rules::Rule;
use super::tls::{self, Validation};

/// The default of hopgate's `limits.concurrency`.
const CONCURRENCY: u64 = 1024;
const TYPES: [&str; 5] = ["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"];
const OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Looks at every cluster that a filter asks.
pub(super) fn lint_asked(lint: &Lint<'_>) {
    for (name, named) in lint.asked.borrow().iter() {
        let clusters = lint.clusters(name, named);
        if clusters.is_empty() {
            lint.found(Rule::ClusterMissing, named, format_args!("no cluster `{name}` was given"));
        }
        for cluster in clusters {
            lint_one(lint, &cluster);
        }
    }
}

fn lint_one<'a>(lint: &Lint<'a>, cluster: &Node<'a>) {
    let sockets = sockets(lint, cluster);
    let tls = sockets.iter().all(|socket| tls::context(socket).is_some());
    lint_protocol(lint, cluster, tls);
    for filter in filters::chain(lint, &options(cluster).at("http_filters")) {
        if !filter.is("upstream_codec") {
            lint.found(Rule::ClusterFiltered, &filter.entry, format_args!("`{}` stands before hopgate", filter.name));
        }
    }
    for threshold in cluster.at("circuit_breakers").at("thresholds").items() {
        for field in ["max_requests", "max_pending_requests"] {
            let limit = threshold.at(field);
            if limit.number().is_some_and(|limit| limit < CONCURRENCY) {
                lint.found(Rule::ClusterFewRequests, &limit, format_args!("found {}", limit.shown()));
            }
        }
    }
    let kind = cluster.at("type");
    if follows_the_call(cluster) || kind.choice(&TYPES) == Some("ORIGINAL_DST") {
        let at = if kind.exists() { kind } else { cluster.at("cluster_type") };
        lint.found(Rule::ClusterByCaller, &at, "it has no endpoints of its own");
        return;
    }
    let addresses = addresses(lint, cluster);
    for pipe in addresses.iter().map(|address| address.down("pipe.path")) {
        if pipe.text().is_some_and(|path| path.starts_with('@')) {
            lint.found(Rule::ClusterAbstractSocket, &pipe, format_args!("found {}", pipe.shown()));
        }
    }
    if addresses.is_empty() || !addresses.iter().all(stays_here) {
        for socket in sockets {
            lint_remote(lint, &socket);
        }
    }
}

/// Where connections to the endpoints are made secure: one socket for all, or one for those that match.
fn sockets<'a>(lint: &Lint<'a>, cluster: &Node<'a>) -> Vec<Node<'a>> {
    let choices = cluster.at("transport_socket_matches").items();
    let mut sockets: Vec<_> = choices.iter().map(|choice| choice.at("transport_socket")).collect();
    let otherwise = cluster.at("transport_socket");
    // What matches nothing takes this one, which is plain text where it is not there.
    let endpoints = endpoints(lint, cluster);
    let matched = |endpoint: &Node<'a>| choices.iter().any(|choice| matches(choice, endpoint));
    let all_matched = !endpoints.is_empty() && endpoints.iter().all(matched);
    if sockets.is_empty() || otherwise.exists() && !all_matched {
        sockets.push(otherwise);
    }
    sockets
}

/// Whether an endpoint's own metadata picks this one of `transport_socket_matches`.
fn matches<'a>(choice: &Node<'a>, endpoint: &Node<'a>) -> bool {
    let own = endpoint.at("metadata").at("filter_metadata").key("envoy.transport_socket_match");
    let wanted = choice.at("match").members();
    wanted.iter().all(|(name, value)| value.text().is_some() && own.key(name).text() == value.text())
}

/// Whether the destination is what the caller wrote into the call.
pub(super) fn follows_the_call(cluster: &Node<'_>) -> bool {
    let by_host = cluster.at("cluster_type").at("typed_config").message().kind.contains("dynamic_forward_proxy");
    by_host || cluster.at("original_dst_lb_config").at("use_http_header").on()
}

/// A cluster's endpoints: its own, or those that a control plane sent and that were shown.
fn endpoints<'a>(lint: &Lint<'a>, cluster: &Node<'a>) -> Vec<Node<'a>> {
    let own = cluster.at("load_assignment");
    let asked = cluster.down("eds_cluster_config.service_name");
    let name = asked.text().or_else(|| cluster.at("name").text()).unwrap_or_default();
    let sent = lint.sources.assignments.iter().filter(|sent| sent.at("cluster_name").text() == Some(name));
    let assignments = if own.exists() { vec![own] } else { sent.cloned().collect() };
    let localities = assignments.into_iter().flat_map(|assignment| assignment.at("endpoints").items());
    localities.flat_map(|locality| locality.at("lb_endpoints").items()).collect()
}

pub(super) fn addresses<'a>(lint: &Lint<'a>, cluster: &Node<'a>) -> Vec<Node<'a>> {
    endpoints(lint, cluster).iter().map(|entry| entry.at("endpoint").at("address")).collect()
}

/// Whether an endpoint is on this host; `localhost` may be a name here.
pub(super) fn stays_here(address: &Node<'_>) -> bool {
    is_local(address) || address.down("socket_address.address").text() == Some("localhost")
}

/// How a cluster speaks HTTP.
pub(super) fn options<'a>(cluster: &Node<'a>) -> Node<'a> {
    cluster.at("typed_extension_protocol_options").key(OPTIONS)
}

fn lint_protocol(lint: &Lint<'_>, cluster: &Node<'_>, tls: bool) {
    let options = options(cluster);
    let by_alpn = options.at("auto_config").exists() && tls;
    let http2 = options.down("explicit_http_config.http2_protocol_options").exists()
        || cluster.at("http2_protocol_options").exists();
    if !http2 && !by_alpn {
        lint.found(Rule::ClusterHttp1, &options, "no `http2_protocol_options`");
    }
}

/// hopgate on another machine, or where nobody knows.
fn lint_remote<'a>(lint: &Lint<'a>, socket: &Node<'a>) {
    let Some(context) = tls::context(socket) else {
        lint.found(Rule::ClusterPlaintext, socket, "no TLS, beyond loopback");
        return;
    };
    let common = context.at("common_tls_context");
    let validation = Validation::of(lint, &common);
    if let Some((at, found)) = validation.unverified() {
        lint.found(Rule::ClusterUnverified, &at, found);
    } else if let Some((at, found)) = validation.open_names() {
        lint.found(Rule::ClusterNamesOpen, &at, found);
    }
    validation.lint_expiry(lint);
    tls::lint_versions(lint, &common);
    let own = ["tls_certificates", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance"];
    if !own.iter().any(|field| common.at(field).exists()) {
        lint.found(Rule::ClusterNoCertificate, &common.at("tls_certificates"), "Envoy shows no certificate");
    }
}
