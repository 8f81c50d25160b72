//! Listeners: who can reach them, and what each of their filter chains does with a connection.

use std::net::IpAddr;

use super::Lint;
use super::filters::{self, Filter};
use super::guard;
use super::kinds;
use super::manager;
use super::node::Node;
use super::rules::Rule;

/// Where an HTTP connection manager sits.
#[derive(Clone, Debug)]
pub(super) struct Seat<'a> {
    pub(super) reach: Reach,
    /// The operator says that hopgate is not to be asked here.
    pub(super) unchecked: bool,
    /// Its filter chain; none where it came without one.
    pub(super) chain: Option<Node<'a>>,
}

/// Who can connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Processes of this host or pod, or Envoy itself.
    Local,
    /// Whoever is on the network.
    Network,
    /// The listener was not shown.
    Unknown,
}

impl Seat<'_> {
    /// That of a manager in a file of its own: taken for reachable.
    pub(super) fn unknown() -> Self {
        Self { reach: Reach::Unknown, unchecked: false, chain: None }
    }
}

pub(super) fn lint<'a>(lint: &Lint<'a>, listener: &Node<'a>) {
    let name = listener.at("name").text();
    let unchecked = name.is_some_and(|name| lint.options.unchecked.iter().any(|listed| listed == name));
    let reach = reach(listener);
    let discovered = listener.at("fcds_config");
    if discovered.exists() {
        lint.found(Rule::ListenersElsewhere, &discovered, "more filter chains are discovered");
    }
    let api = listener.down("api_listener.api_listener");
    if api.exists() {
        let seat = Seat { reach, unchecked, chain: None };
        api.all(kinds::MANAGER).iter().for_each(|manager| manager::lint(lint, &seat, &manager.fields));
    }
    for entry in listener.at("listener_filters").items() {
        if entry.at("typed_config").message().kind.ends_with(".UdpProxyConfig") {
            lint_bytes(lint, &Seat { reach, unchecked, chain: None }, &entry, "datagrams are handed on");
        }
    }
    let default = Some(listener.at("default_filter_chain")).filter(Node::exists);
    for chain in listener.at("filter_chains").items().into_iter().chain(default) {
        lint_chain(lint, &Seat { reach, unchecked, chain: Some(chain.clone()) }, &chain);
    }
}

fn lint_chain<'a>(lint: &Lint<'a>, seat: &Seat<'a>, chain: &Node<'a>) {
    let filters = filters::chain(lint, &chain.at("filters"));
    let mut speaks_http = false;
    for filter in &filters {
        if let Some(manager) = manager_of(filter) {
            speaks_http = true;
            manager::lint(lint, seat, &manager);
        }
    }
    // Without any filter Envoy closes the connection.
    let Some(last) = filters.last().filter(|_| !speaks_http) else { return };
    if last.is("direct_response") || last.is("echo") || filters.iter().any(guard::refuses_unmarked) {
        return;
    }
    let cluster = last.config.at("cluster");
    let led_to = cluster.text().map(|name| lint.clusters(name, &cluster)).unwrap_or_default();
    if !led_to.is_empty() && led_to.iter().all(leads_nowhere) {
        return;
    }
    lint_bytes(lint, seat, chain, &format!("`{}` takes the connections of this chain", last.name));
}

/// What is handed on without anybody reading calls in it.
fn lint_bytes<'a>(lint: &Lint<'a>, seat: &Seat<'a>, at: &Node<'a>, found: &str) {
    let rule = match (seat.unchecked, seat.reach) {
        (true, _) => Rule::ListenerUnchecked,
        (false, Reach::Local) => Rule::AuthzMissingOnLoopback,
        (false, Reach::Network | Reach::Unknown) => Rule::TcpUnchecked,
    };
    lint.use_of(at);
    lint.found(rule, at, found);
}

/// Istio's `BlackHoleCluster`: there is nobody to connect to.
fn leads_nowhere(cluster: &Node<'_>) -> bool {
    let kinds = ["STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST"];
    matches!(cluster.at("type").choice(&kinds), None | Some("STATIC"))
        && !cluster.at("cluster_type").exists()
        && cluster.down("load_assignment.endpoints").items().is_empty()
}

fn manager_of<'a>(filter: &Filter<'a>) -> Option<Node<'a>> {
    if filter.kind == kinds::MANAGER {
        return Some(filter.config.clone());
    }
    filter.kind.ends_with(".EnvoyMobileHttpConnectionManager").then(|| filter.config.at("config"))
}

/// Local where every address of the listener is.
fn reach(listener: &Node<'_>) -> Reach {
    if listener.at("internal_listener").exists() {
        return Reach::Local;
    }
    let more = listener.at("additional_addresses").items().into_iter().map(|entry| entry.at("address"));
    let mut addresses = std::iter::once(listener.at("address")).chain(more);
    // The way out of a sidecar: connections are redirected to one listener, which hands them on by their first destination to
    // those that are not bound. Whoever connects to it from elsewhere is led nowhere.
    let redirected = listener.at("use_original_dst").on() || listener.at("bind_to_port").switch() == Some(false);
    let sidecar_out = redirected && listener.at("traffic_direction").text() == Some("OUTBOUND");
    if sidecar_out || addresses.all(|address| is_local(&address)) { Reach::Local } else { Reach::Network }
}

/// Whether only this host can reach `address`.
pub(super) fn is_local(address: &Node<'_>) -> bool {
    if address.at("pipe").exists() || address.at("envoy_internal_address").exists() {
        return true;
    }
    let ip = address.down("socket_address.address").text().and_then(|text| text.parse::<IpAddr>().ok());
    ip.is_some_and(|ip| ip.to_canonical().is_loopback())
}
