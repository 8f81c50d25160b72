//! One route: whether its calls are checked, and what happens to them afterwards.

use std::time::Duration;

use super::Lint;
use super::body;
use super::cluster;
use super::filters::{self, Guarded};
use super::node::Node;
use super::per_route::Levels;
use super::routes::{self, Place};
use super::rules::Rule;

/// Where the calls of a route go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Envoy answers by itself.
    Nowhere,
    /// A page of Envoy's own admin interface that only reads.
    AdminPage,
    /// Envoy's own admin interface, whatever its pages do.
    Admin,
    /// A service.
    Service,
}

/// Pages of the admin interface that tell what probes and Prometheus want to know, and change nothing.
const ADMIN_PAGES: [&str; 2] = ["/ready", "/stats/prometheus"];

pub(super) fn target<'a>(lint: &Lint<'a>, route: &Node<'a>) -> Target {
    if ["redirect", "direct_response"].iter().any(|action| route.at(action).exists()) {
        return Target::Nowhere;
    }
    let action = route.at("route");
    let cluster = action.at("cluster");
    if !cluster.text().is_some_and(|name| lint.leads_to_admin(name, &cluster)) {
        return Target::Service;
    }
    let exact = route.at("match").at("path");
    let rewritten = Some(action.at("prefix_rewrite")).filter(Node::exists);
    let page = exact.text().and_then(|path| rewritten.map_or(Some(path), |to| to.text()));
    let fixed = !["regex_rewrite", "path_rewrite", "path_rewrite_policy"].iter().any(|field| action.at(field).exists());
    if fixed && page.is_some_and(|page| ADMIN_PAGES.contains(&page)) { Target::AdminPage } else { Target::Admin }
}

pub(super) fn lint<'a>(lint: &Lint<'a>, place: &Place<'a>, manager: &Node<'a>, chain: &Guarded<'a>) {
    let Place { route, host, config } = place;
    if target(lint, route) != Target::Service {
        return;
    }
    let action = route.at("route");
    let weighted = action.at("weighted_clusters").at("clusters").items();
    let outer = [route.clone(), host.clone(), config.clone()];
    if weighted.is_empty() {
        lint_checked(lint, &Levels(outer.to_vec()), chain);
    }
    lint_cluster(lint, &action.at("cluster"));
    for cluster in weighted {
        routes::lint_level(lint, &cluster, chain);
        lint_cluster(lint, &cluster.at("name"));
        let levels = std::iter::once(cluster.clone()).chain(outer.clone()).collect();
        lint_checked(lint, &Levels(levels), chain);
        lint_header(lint, &cluster.at("cluster_header"));
    }
    lint_header(lint, &action.at("cluster_header"));
    for plugin in ["cluster_specifier_plugin", "inline_cluster_specifier_plugin"] {
        let plugin = action.at(plugin);
        if plugin.exists() {
            lint.found(Rule::ClusterFromPlugin, &plugin, "code picks the cluster");
        }
    }
    lint_after(lint, &action, host);
    lint_bodies(lint, route, &Levels(outer.to_vec()), chain);
    if speaks_to_agents(route) {
        lint_stream(lint, &action, manager);
    }
}

/// Whether bodies are handed over where they decide, and only where they have an end.
fn lint_bodies<'a>(lint: &Lint<'a>, route: &Node<'a>, levels: &Levels<'a>, chain: &Guarded<'a>) {
    for filter in chain.asking().filter(|filter| levels.turned_off(filter).is_none()) {
        let handed_over = body::handed_over(filter, &levels.check_settings(filter.name));
        if route.at("match").at("grpc").exists() {
            if handed_over {
                lint.found(Rule::GrpcBuffered, route, "bodies of gRPC are waited for");
            }
        } else if speaks_to_agents(route) && !handed_over {
            lint.found(Rule::BodyUnread, route, "bodies are not handed over");
        }
    }
}

/// Whether hopgate is asked for calls with these settings, and about what.
fn lint_checked<'a>(lint: &Lint<'a>, levels: &Levels<'a>, chain: &Guarded<'a>) {
    let off: Vec<_> = chain.asking().filter_map(|filter| levels.turned_off(filter)).collect();
    if off.len() == chain.asking().count() {
        for at in off {
            // Where the filter is off by default, nothing in the route says so.
            let at = if at.path().contains("http_filters") { levels.0.first().cloned().unwrap_or(at) } else { at };
            lint.found(Rule::RouteUnchecked, &at, "the `ext_authz` filter is off");
        }
    }
    for filter in chain.asking().filter(|filter| levels.turned_off(filter).is_none()) {
        routes::lint_authz(lint, levels, filter);
    }
}

/// The cluster of the service: where it is, and what runs on the way there.
fn lint_cluster<'a>(lint: &Lint<'a>, named: &Node<'a>) {
    let Some(name) = named.text() else { return };
    for cluster in lint.clusters(name, named) {
        if cluster::follows_the_call(&cluster) {
            lint.found(Rule::ClusterFromHeader, named, format_args!("`{name}` goes where the caller says"));
        }
        for upstream in filters::chain(lint, &cluster::options(&cluster).at("http_filters")) {
            filters::lint_behind(lint, &upstream);
        }
    }
}

fn lint_header(lint: &Lint<'_>, header: &Node<'_>) {
    if header.exists() {
        lint.found(Rule::ClusterFromHeader, header, format_args!("header {} picks the cluster", header.shown()));
    }
}

/// What is done with a call that was allowed.
fn lint_after(lint: &Lint<'_>, action: &Node<'_>, host: &Node<'_>) {
    for field in ["prefix_rewrite", "regex_rewrite", "path_rewrite", "path_rewrite_policy"] {
        let rewrite = action.at(field);
        if rewrite.exists() {
            lint.found(Rule::PathRewritten, &rewrite, format_args!("found {}", rewrite.shown()));
        }
    }
    let redirect = action.at("internal_redirect_policy");
    if redirect.exists() {
        lint.found(Rule::InternalRedirect, &redirect, "Envoy follows redirects by itself");
    }
    let mirrors = action.at("request_mirror_policies");
    if !mirrors.items().is_empty() {
        lint.found(Rule::RequestMirrored, &mirrors, "calls are copied");
    }
    for upgrade in action.at("upgrade_configs").items() {
        lint_upgrade(lint, &upgrade);
    }
    let retry = Some(action.at("retry_policy")).filter(Node::exists).unwrap_or_else(|| host.at("retry_policy"));
    let on = retry.at("retry_on");
    // None of these reached the service.
    let never_began = ["connect-failure", "refused-stream", "reset-before-request", "envoy-ratelimited"];
    let conditions = on.text().unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    let again: Vec<_> = conditions.filter(|word| !never_began.contains(word)).collect();
    if !again.is_empty() {
        lint.found(Rule::RetriedUpstream, &on, format_args!("found `{}`", again.join(",")));
    }
}

/// A change of the protocol that a manager or a route allows.
pub(super) fn lint_upgrade(lint: &Lint<'_>, upgrade: &Node<'_>) {
    let kind = upgrade.at("upgrade_type");
    let off = upgrade.at("enabled").switch() == Some(false);
    let rule = match kind.text().map(str::to_ascii_uppercase) {
        Some(kind) if kind.starts_with("CONNECT") => Rule::ConnectTunnel,
        Some(_) if !off => Rule::UpgradeOpen,
        _ => return,
    };
    lint.found(rule, upgrade, format_args!("found {}", kind.shown()));
}

/// Whether the path names MCP or A2A.
fn speaks_to_agents(route: &Node<'_>) -> bool {
    let paths = ["path", "prefix", "path_separated_prefix"].map(|field| route.at("match").at(field).text());
    // What is under `.well-known` are documents about it.
    let paths = paths.into_iter().flatten().filter(|path| !path.starts_with("/.well-known/"));
    paths.flat_map(|path| path.split('/')).any(|part| part == "mcp" || part == "a2a")
}

fn lint_stream(lint: &Lint<'_>, action: &Node<'_>, manager: &Node<'_>) {
    let timeout = action.at("timeout");
    if timeout.duration() != Some(Duration::ZERO) {
        lint.found(Rule::StreamCut, &timeout, format_args!("found {}", timeout.shown()));
        return;
    }
    let longest = action.down("max_stream_duration.max_stream_duration");
    if !longest.exists() && !manager.down("common_http_protocol_options.max_stream_duration").exists() {
        lint.found(Rule::StreamUnbounded, &longest, "no `max_stream_duration`");
    }
}
