//! A chain of filters as Envoy runs it, and what stands before and behind hopgate in it.

use super::Lint;
use super::guard;
use super::headers;
use super::node::{Message, Node};
use super::rules::Rule;

pub(super) const EXT_AUTHZ: &str = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz";
const WITH_MATCHER: &str = "envoy.extensions.common.matching.v3.ExtensionWithMatcher";

/// One filter of a chain.
#[derive(Clone, Debug)]
pub(super) struct Filter<'a> {
    /// By which settings of routes find it.
    pub(super) name: &'a str,
    /// Its entry in the list.
    pub(super) entry: Node<'a>,
    /// Full name of its type; empty where that is not known.
    pub(super) kind: &'a str,
    pub(super) config: Node<'a>,
    /// Something decides for each call whether it runs.
    pub(super) conditional: bool,
    /// Its settings were shown.
    pub(super) known: bool,
}

impl<'a> Filter<'a> {
    /// Whether its type is that of the extension `name`, such as `lua`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.extension() == name
    }

    /// `lua` of `envoy.extensions.filters.http.lua.v3.Lua`; empty where it is none of Envoy's filters.
    fn extension(&self) -> &'a str {
        if ISTIO.contains(&self.kind) {
            return "istio";
        }
        let rest = self.kind.strip_prefix("envoy.extensions.filters.http.");
        let rest = rest.or_else(|| self.kind.strip_prefix("envoy.extensions.filters.network."));
        rest.and_then(|rest| rest.split('.').next()).unwrap_or_default()
    }

    /// Whether it asks hopgate.
    pub(super) fn asks_hopgate(&self, lint: &Lint<'a>) -> bool {
        let clusters = &lint.options.clusters;
        let asked = [
            self.config.down("grpc_service.envoy_grpc.cluster_name"),
            self.config.down("http_service.server_uri.cluster"),
        ];
        let named = || asked.iter().filter_map(Node::text).any(|name| clusters.iter().any(|cluster| cluster == name));
        self.kind == EXT_AUTHZ && (!self.known || clusters.is_empty() || named())
    }

    /// Whether it is off unless a route turns it on.
    pub(super) fn off_by_default(&self) -> bool {
        self.entry.at("disabled").on()
    }
}

/// The filters in `entries`, HTTP or network, each with the settings that are in force.
pub(super) fn chain<'a>(lint: &Lint<'a>, entries: &Node<'a>) -> Vec<Filter<'a>> {
    entries.items().iter().flat_map(|entry| run_by(lint, entry)).collect()
}

/// The filter that an entry is, or those that it runs in its place.
fn run_by<'a>(lint: &Lint<'a>, entry: &Node<'a>) -> Vec<Filter<'a>> {
    let name = entry.at("name").text().unwrap_or_default();
    let (Message { kind, fields: config }, known) = settings(lint, entry);
    let filter = Filter { name, entry: entry.clone(), kind, config, conditional: false, known };
    let filter = if kind == WITH_MATCHER {
        let inner = filter.config.down("extension_config.typed_config").message();
        Filter { kind: inner.kind, config: inner.fields, conditional: true, ..filter }
    } else {
        filter
    };
    // What a composite filter, or a chain of its own, would run in place of itself; the matcher is around it or in it.
    let inner: Vec<_> = if filter.is("composite") || filter.is("filter_chain") {
        let found = entry.all(EXT_AUTHZ).into_iter();
        found
            .map(|message| Filter { kind: message.kind, config: message.fields, conditional: true, ..filter.clone() })
            .collect()
    } else {
        Vec::new()
    };
    if inner.is_empty() { vec![filter] } else { inner }
}

/// The settings of a filter, also where it is discovered, and whether they were shown.
fn settings<'a>(lint: &Lint<'a>, entry: &Node<'a>) -> (Message<'a>, bool) {
    let discovery = entry.at("config_discovery");
    if !discovery.exists() {
        return (entry.at("typed_config").message(), true);
    }
    let name = entry.at("name").text().unwrap_or_default();
    if let Some(found) = lint.sources.extensions.get(name, entry).pop() {
        lint.use_of(&found);
        return (found.at("typed_config").message(), true);
    }
    lint.found(Rule::FilterUnknown, &discovery, format_args!("`{name}` is discovered"));
    // What it is said to be: so that a chain with a discovered hopgate is not one without.
    let types = discovery.at("type_urls").items();
    let kind = types.first().and_then(Node::text).and_then(|url| url.rsplit('/').next()).unwrap_or_default();
    (Message { kind, fields: discovery.clone() }, false)
}

/// A chain in which hopgate is asked.
#[derive(Clone, Debug)]
pub(super) struct Guarded<'a> {
    chain: Vec<Filter<'a>>,
    /// Places of the filters that ask it.
    asking: Vec<usize>,
}

impl<'a> Guarded<'a> {
    /// Gives the chain back where nothing in it asks hopgate.
    pub(super) fn of(lint: &Lint<'a>, chain: Vec<Filter<'a>>) -> Result<Self, Vec<Filter<'a>>> {
        let asking = chain.iter().enumerate().filter(|(_, filter)| filter.asks_hopgate(lint));
        let asking: Vec<_> = asking.map(|(at, _)| at).collect();
        if asking.is_empty() { Err(chain) } else { Ok(Self { chain, asking }) }
    }

    /// The filters that ask hopgate, of which there is at least one.
    pub(super) fn asking(&self) -> impl Iterator<Item = &Filter<'a>> {
        self.asking.iter().filter_map(|at| self.chain.get(*at))
    }

    /// Whether nothing gets to the end of it that hopgate has not allowed.
    pub(super) fn refuses_unmarked(&self) -> bool {
        let behind = self.asking.last().map_or(0, |last| last.saturating_add(1));
        self.chain.iter().skip(behind).any(guard::refuses_unmarked)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.chain.iter().any(|filter| filter.name == name)
    }

    /// Whether a filter called `name` runs after hopgate was asked for the first time.
    pub(super) fn runs_behind(&self, name: &str) -> bool {
        self.behind().any(|filter| filter.name == name)
    }

    fn behind(&self) -> impl Iterator<Item = &Filter<'a>> {
        let first = self.asking.first().copied().unwrap_or(0);
        self.chain.iter().skip(first).skip(1)
    }

    /// Looks at what stands before and behind hopgate.
    pub(super) fn lint_order(&self, lint: &Lint<'a>) {
        for filter in self.chain.iter().take(self.asking.first().copied().unwrap_or(0)) {
            before(lint, filter);
        }
        for filter in self.behind() {
            lint_behind(lint, filter);
        }
        for filter in self.chain.iter().filter(|filter| filter.is("mcp") || filter.is("a2a")) {
            lax(lint, filter);
        }
    }
}

/// Those that answer by themselves whatever hopgate would say.
const ANSWERING: [&str; 4] = ["cache", "cache_v2", "file_server", "mcp_router"];

/// Those that run what somebody wrote.
const CODE: [&str; 8] =
    ["lua", "wasm", "ext_proc", "golang", "dynamic_modules", "composite", "filter_chain", "ai_protocol_manager"];

/// Those that change what the service gets.
const CHANGING: [&str; 6] = [
    "grpc_json_transcoder",
    "grpc_json_reverse_transcoder",
    "grpc_http1_reverse_bridge",
    "mcp_json_rest_bridge",
    "mcp_router",
    "transform",
];

/// Istio's own, which report.
const ISTIO: [&str; 4] = [
    "io.istio.http.peer_metadata.Config",
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig",
    "envoy.tcp.metadataexchange.config.MetadataExchange",
    "stats.PluginConfig",
];

/// Those that are known to neither answer in hopgate's place nor change what it judged.
const HARMLESS: &[&str] = &[
    "a2a",
    "adaptive_concurrency",
    "admission_control",
    "alternate_protocols_cache",
    "api_key_auth",
    "aws_eventstream_parser",
    "aws_lambda",
    "aws_request_signing",
    "bandwidth_limit",
    "bandwidth_share",
    "basic_auth",
    "body_size_limit",
    "buffer",
    "cdn_loop",
    "compressor",
    "connect_grpc_bridge",
    "cors",
    "credential_injector",
    "csrf",
    "custom_response",
    "decompressor",
    "dynamic_forward_proxy",
    "ext_authz",
    "fault",
    "file_system_buffer",
    "gcp_authn",
    "geoip",
    "grpc_field_extraction",
    "grpc_http1_bridge",
    "grpc_stats",
    "grpc_web",
    "gzip",
    "header_mutation",
    "header_to_metadata",
    "health_check",
    "ip_tagging",
    "istio",
    "json_to_metadata",
    "jwt_authn",
    "kill_request",
    "local_ratelimit",
    "mcp",
    "oauth2",
    "on_demand",
    "original_src",
    "proto_api_scrubber",
    "proto_message_extraction",
    "rate_limit_quota",
    "ratelimit",
    "rbac",
    "router",
    "set_filter_state",
    "set_metadata",
    "sse_to_metadata",
    "stateful_session",
    "tap",
    "thrift_to_metadata",
    "upstream_codec",
];

fn before(lint: &Lint<'_>, filter: &Filter<'_>) {
    let extension = filter.extension();
    if matches!(extension, "credential_injector" | "gcp_authn") {
        let found = format!("`{}` stands before the `ext_authz` filter", filter.name);
        lint.found(Rule::CredentialInjected, &filter.entry, found);
    }
    headers::lint_mutations(lint, &filter.config.at("mutations").at("request_mutations"));
    if ANSWERING.contains(&extension) {
        lint.found(
            Rule::AnswerBeforeAuthz,
            &filter.entry,
            format_args!("`{}` stands before the `ext_authz` filter", filter.name),
        );
    } else if CODE.contains(&extension) {
        lint.found(
            Rule::CodeBeforeAuthz,
            &filter.entry,
            format_args!("`{}` stands before the `ext_authz` filter", filter.name),
        );
    } else if !HARMLESS.contains(&extension) && !CHANGING.contains(&extension) {
        let found =
            format!("`{}` stands before the `ext_authz` filter, and what it does is not known here", filter.name);
        lint.found(Rule::CodeBeforeAuthz, &filter.entry, found);
    }
}

/// Looks at a filter that runs after hopgate allowed a call.
pub(super) fn lint_behind<'a>(lint: &Lint<'a>, filter: &Filter<'a>) {
    let extension = filter.extension();
    for upstream in chain(lint, &filter.config.at("upstream_http_filters")) {
        lint_behind(lint, &upstream);
    }
    let clears = filter.config.at("clear_route_cache");
    // Lua's clears it by default, once a script changes a header.
    let cleared = if extension == "lua" { clears.switch().unwrap_or(true) } else { clears.on() };
    let cleared =
        cleared || filter.config.at("route_cache_action").choice(&["DEFAULT", "CLEAR", "RETAIN"]) == Some("CLEAR");
    if cleared && !filter.asks_hopgate(lint) {
        let found = format!("`{}` clears the route cache behind the `ext_authz` filter", filter.name);
        lint.found(Rule::RouteClearedAfterAuthz, &filter.entry, found);
        return;
    }
    let mutates = extension == "header_mutation" && filter.config.down("mutations.request_mutations").exists();
    let known = HARMLESS.contains(&extension);
    if mutates || !known && !ANSWERING.contains(&extension) || CHANGING.contains(&extension) {
        let unknown = !known && !CODE.contains(&extension) && !CHANGING.contains(&extension);
        let what = if unknown { ", and what it does is not known here" } else { "" };
        lint.found(
            Rule::CodeAfterAuthz,
            &filter.entry,
            format_args!("`{}` stands behind the `ext_authz` filter{what}", filter.name),
        );
    }
}

fn lax(lint: &Lint<'_>, filter: &Filter<'_>) {
    let mode = filter.config.at("traffic_mode");
    let names: &[&str] =
        if filter.is("mcp") { &["PASS_THROUGH", "REJECT_NO_MCP", "NOOP"] } else { &["PASS_THROUGH", "REJECT"] };
    if !matches!(mode.choice(names), Some("REJECT_NO_MCP" | "REJECT")) {
        lint.found(Rule::McpFilterLax, &mode, format_args!("found {}", mode.shown()));
    }
    let duplicates = filter.config.at("reject_duplicate_keys");
    if filter.is("mcp") && !duplicates.on() {
        lint.found(Rule::McpFilterLax, &duplicates, format_args!("found {}", duplicates.shown()));
    }
}
