//! Ways past hopgate that are not where one looks first.

use hopgate::lint::{Options, Report};
use serde_json::{Value, json};

use super::change::{filter, lua, per_route};
use super::sample::{AUTHZ, Base, Files, MANAGER, ROUTE, lint, lint_text};
use crate::support::plan::set;

/// What is hidden, how, and the rule that finds it.
struct Hidden {
    name: &'static str,
    config: Value,
    rule: &'static str,
}

fn rules(report: &Report) -> Vec<&'static str> {
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report.findings.iter().map(|finding| finding.rule.id()).collect()
}

/// The sidecar with these changes.
fn hidden(name: &'static str, rule: &'static str, changes: &[(&str, Value)]) -> Hidden {
    let mut config = Base::Sidecar.value();
    for (pointer, value) in changes {
        set(&mut config, pointer, value.clone());
    }
    Hidden { name, config, rule }
}

fn at(pointer: &str) -> Value {
    Base::Sidecar.value().pointer(pointer).unwrap().clone()
}

/// `list` of the sidecar with one more at its end.
fn with(list: &str, more: Value) -> Value {
    let mut items = at(list).as_array().unwrap().clone();
    items.push(more);
    json!(items)
}

fn off() -> Value {
    per_route(&json!({ "disabled": true }))
}

/// The route, and hopgate is not asked on it.
fn unchecked_route() -> Value {
    let mut route = at(ROUTE);
    route["typed_per_filter_config"] = off();
    route
}

fn any(kind: &str, mut value: Value) -> Value {
    value["@type"] = json!(format!("type.googleapis.com/{kind}"));
    value
}

const FILTERS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";

fn in_wrappings() -> Vec<Hidden> {
    let router = at(&format!("{FILTERS}/1"));
    let authz = json!({ "name": "hopgate", "typed_config": at(AUTHZ) });
    let chain = filter(
        "chain",
        "filter_chain.v3.FilterChainConfig",
        &json!({ "default_filter_chain": { "filters": [authz] } }),
    );
    let execute =
        any("envoy.extensions.filters.http.composite.v3.ExecuteFilterAction", json!({ "typed_config": authz }));
    let input = any("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", json!({ "header_name": "x-check" }));
    let matcher = json!({ "matcher_tree": {
        "input": { "name": "header", "typed_config": input },
        "exact_match_map": { "map": { "yes": { "action": { "name": "check", "typed_config": execute } } } },
    } });
    let composite = any("envoy.extensions.filters.http.composite.v3.Composite", json!({}));
    let composite = any(
        "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        json!({ "extension_config": { "name": "composite", "typed_config": composite }, "xds_matcher": matcher }),
    );
    let composite = json!({ "name": "composite", "typed_config": composite });
    vec![
        hidden("in a chain of its own", "authz-conditional", &[(FILTERS, json!([chain, router]))]),
        hidden("in a composite filter", "authz-conditional", &[(FILTERS, json!([composite, router]))]),
    ]
}

fn in_routes() -> Vec<Hidden> {
    let mut scope = at(&format!("{MANAGER}/route_config"));
    scope["virtual_hosts"][0]["routes"][0] = unchecked_route();
    let header = json!({ "name": "x-tenant", "element_separator": ",", "element": { "separator": "=", "key": "a" } });
    let scoped = json!({
        "name": "scopes",
        "scope_key_builder": { "fragments": [{ "header_value_extractor": header }] },
        "scoped_route_configurations_list": { "scoped_route_configurations": [
            { "name": "a", "key": { "fragments": [{ "string_key": "a" }] }, "route_configuration": scope },
        ] },
    });
    let input = any("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", json!({ "header_name": ":path" }));
    let action = json!({ "name": "route", "typed_config": any("envoy.config.route.v3.Route", unchecked_route()) });
    let matched = json!({ "matcher_tree": {
        "input": { "name": "path", "typed_config": input },
        "exact_match_map": { "map": { "/admin": { "action": action } } },
    } });
    let host = format!("{MANAGER}/route_config/virtual_hosts/0");
    let server = json!([{ "envoy_grpc": { "cluster_name": "hopgate" } }]);
    let source = json!({ "api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": server });
    let source = json!({ "api_config_source": source, "resource_api_version": "V3" });
    let header = json!({ "key": "x-hopgate-subject", "value": "alice" });
    let mutation = any(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        json!({ "mutations": { "request_mutations": [{ "append": { "header": header } }] } }),
    );
    let mutating = filter("change", "header_mutation.v3.HeaderMutation", &json!({}));
    let mut filters = at(FILTERS).as_array().unwrap().clone();
    filters.insert(1, mutating);
    let mut settings = at(&format!("{ROUTE}/typed_per_filter_config"));
    settings["change"] = mutation;
    vec![
        hidden(
            "in a scope of routes",
            "route-unchecked",
            &[(&format!("{MANAGER}/route_config"), Value::Null), (&format!("{MANAGER}/scoped_routes"), scoped)],
        ),
        hidden(
            "in a tree of matchers",
            "route-unchecked",
            &[(&format!("{host}/routes"), Value::Null), (&format!("{host}/matcher"), matched)],
        ),
        hidden(
            "in virtual hosts that come later",
            "routes-unknown",
            &[(&format!("{MANAGER}/route_config/vhds"), json!({ "config_source": source }))],
        ),
        hidden(
            "in a route's settings for a filter behind",
            "code-after-authz",
            &[(FILTERS, json!(filters)), (&format!("{ROUTE}/typed_per_filter_config"), settings)],
        ),
        hidden(
            "in a tunnel of UDP",
            "connect-tunnel",
            &[(&format!("{ROUTE}/route/upgrade_configs"), json!([{ "upgrade_type": "CONNECT-UDP" }]))],
        ),
    ]
}

fn in_clusters() -> Vec<Hidden> {
    let options = "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let service = "/static_resources/clusters/1";
    let codec = filter("codec", "upstream_codec.v3.UpstreamCodec", &json!({}));
    let upstream = json!({ "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": any(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        json!({
            "explicit_http_config": { "http_protocol_options": {} },
            "http_filters": [lua(&json!({ "clear_route_cache": false })), codec],
        }),
    ) });
    let original = json!({
        "name": "invoices", "connect_timeout": "1s", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED",
        "original_dst_lb_config": { "use_http_header": true },
    });
    let cache = json!({ "dns_cache_config": { "name": "dns", "dns_lookup_family": "V4_ONLY" } });
    let cache = any("envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig", cache);
    let by_host = json!({
        "name": "invoices", "connect_timeout": "1s", "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": { "name": "envoy.clusters.dynamic_forward_proxy", "typed_config": cache },
    });
    let far = json!({ "socket_address": { "address": "10.0.0.7", "port_value": 9191 } });
    let raw = any("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer", json!({}));
    let raw = json!({ "name": "raw", "typed_config": raw });
    let fallback = json!([{ "name": "plain", "match": {}, "transport_socket": raw }]);
    let hopgate = "/static_resources/clusters/0";
    let mut router = at(&format!("{FILTERS}/1"));
    router["typed_config"]["upstream_http_filters"] =
        upstream["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]["http_filters"].clone();
    vec![
        hidden(
            "on the way to the service",
            "code-after-authz",
            &[(&format!("{service}/typed_extension_protocol_options"), upstream)],
        ),
        hidden("on the way to every service", "code-after-authz", &[(&format!("{FILTERS}/1"), router)]),
        hidden("in a header that says where to go", "cluster-from-header", &[(service, original)]),
        hidden("in the host that says where to go", "cluster-from-header", &[(service, by_host)]),
        hidden(
            "in the socket that some endpoints take",
            "cluster-plaintext",
            &[
                (&format!("{hopgate}/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address"), far),
                (&format!("{hopgate}/transport_socket_matches"), fallback),
                (&format!("{hopgate}/{options}/explicit_http_config/http2_protocol_options"), json!({})),
            ],
        ),
    ]
}

fn in_listeners() -> Vec<Hidden> {
    let listeners = "/static_resources/listeners";
    let mut second = at(&format!("{listeners}/0"));
    second["name"] = json!("second");
    second["address"]["socket_address"]["port_value"] = json!(8444);
    second["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"] = json!([at(&format!("{FILTERS}/1"))]);
    let mut also_local = second.clone();
    also_local["additional_addresses"] = json!([{ "address": also_local["address"] }]);
    also_local["address"]["socket_address"]["address"] = json!("127.0.0.1");
    let chain = second["filter_chains"][0].clone();
    let to = any("envoy.extensions.filters.udp.udp_proxy.v3.Route", json!({ "cluster": "invoices" }));
    let matcher = json!({ "on_no_match": { "action": { "name": "route", "typed_config": to } } });
    let proxy = any(
        "envoy.extensions.filters.udp.udp_proxy.v3.UdpProxyConfig",
        json!({ "stat_prefix": "udp", "matcher": matcher }),
    );
    let datagrams = json!({
        "name": "udp",
        "address": { "socket_address": { "address": "0.0.0.0", "port_value": 8445, "protocol": "UDP" } },
        "listener_filters": [{ "name": "udp", "typed_config": proxy }],
    });
    let validation =
        format!("{listeners}/0/filter_chains/0/transport_socket/typed_config/common_tls_context/validation_context");
    let names = |matcher: Value| json!([{ "san_type": "URI", "matcher": matcher }]);
    vec![
        hidden("in another listener", "authz-missing", &[(listeners, with(listeners, second))]),
        hidden("at a second address", "authz-missing", &[(listeners, with(listeners, also_local))]),
        hidden(
            "in the chain of what matches nothing",
            "authz-missing",
            &[(&format!("{listeners}/0/default_filter_chain"), chain)],
        ),
        hidden("in datagrams", "tcp-unchecked", &[(listeners, with(listeners, datagrams))]),
        hidden(
            "in a name that everybody has",
            "peer-names-open",
            &[(&format!("{validation}/match_typed_subject_alt_names"), names(json!({ "prefix": "spiffe://" })))],
        ),
        hidden(
            "in an expression that takes every name",
            "peer-names-open",
            &[(
                &format!("{validation}/match_typed_subject_alt_names"),
                names(json!({ "safe_regex": { "regex": ".*" } })),
            )],
        ),
    ]
}

fn all() -> Vec<Hidden> {
    [in_wrappings(), in_routes(), in_clusters(), in_listeners(), gifts()].into_iter().flatten().collect()
}

#[test]
fn what_is_hidden_is_found() {
    for Hidden { name, config, rule } in all() {
        let found = rules(&lint(&config));
        assert!(found.contains(&rule), "{name}: {found:?}");
    }
}

#[test]
fn envoy_takes_what_is_hidden() {
    let files = Files::new();
    for Hidden { name, config, .. } in all() {
        assert_eq!(files.envoy_refuses(&config.to_string()), None, "{name}");
    }
}

/// Credentials that callers get before hopgate looks.
fn gifts() -> Vec<Hidden> {
    let header = |name: &str| json!({ "append": { "header": { "key": name, "value": "x" } } });
    let early = any(
        "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
        json!({ "mutations": [header("authorization")] }),
    );
    let early = json!([{ "name": "early", "typed_config": early }]);
    let mut filters = at(FILTERS).as_array().unwrap().clone();
    filters.insert(0, filter("change", "header_mutation.v3.HeaderMutation", &json!({})));
    let mut settings = at(&format!("{ROUTE}/typed_per_filter_config"));
    settings["change"] = any(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        json!({ "mutations": { "request_mutations": [header("X-Forwarded-Client-Cert")] } }),
    );
    vec![
        hidden(
            "in what is done first of all",
            "credential-injected",
            &[(&format!("{MANAGER}/early_header_mutation_extensions"), early)],
        ),
        hidden(
            "in a route's settings for a filter before",
            "credential-injected",
            &[(FILTERS, json!(filters)), (&format!("{ROUTE}/typed_per_filter_config"), settings)],
        ),
    ]
}

/// A filter that is discovered, as a dump shows it.
#[test]
fn a_discovered_filter_is_looked_at_with_what_runs_until_then() {
    let lax = |allow: bool| {
        let mut settings = at(AUTHZ);
        settings["failure_mode_allow"] = json!(allow);
        settings
    };
    for (now, until_then, wanted) in [
        (false, None, vec![]),
        (true, None, vec!["failure-mode-allow"]),
        (false, Some(lax(true)), vec!["failure-mode-allow"]),
        (false, Some(lua(&json!({}))["typed_config"].clone()), vec!["authz-conditional"]),
    ] {
        let mut bootstrap = Base::Sidecar.value();
        let mut discovery = json!({
            "config_source": { "ads": {} },
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"],
        });
        if let Some(settings) = until_then {
            discovery["default_config"] = settings;
        }
        let entry = json!({ "name": "envoy.filters.http.ext_authz", "config_discovery": discovery });
        set(&mut bootstrap, &format!("{FILTERS}/0"), entry);
        let discovered = json!({ "name": "envoy.filters.http.ext_authz", "typed_config": lax(now) });
        let dump = json!({ "configs": [
            { "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": bootstrap },
            { "@type": "type.googleapis.com/envoy.admin.v3.EcdsConfigDump", "ecds_filters": [
                { "ecds_filter": any("envoy.config.core.v3.TypedExtensionConfig", discovered) },
            ] },
        ] });
        assert_eq!(rules(&lint(&dump)), wanted);
    }
}

/// A control plane replaces a good cluster by another of the same name.
#[test]
fn both_of_two_clusters_of_one_name_are_looked_at() {
    let bootstrap = Base::Sidecar.value();
    let clusters = bootstrap["static_resources"]["clusters"].as_array().unwrap();
    let good = any("envoy.config.cluster.v3.Cluster", clusters[0].clone());
    let mut bad = good.clone();
    bad["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] =
        json!({ "socket_address": { "address": "10.0.0.7", "port_value": 9191 } });
    for order in [[&good, &bad], [&bad, &good]] {
        let dump = json!({ "configs": [
            { "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", "bootstrap": bootstrap },
            {
                "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
                "dynamic_active_clusters": [{ "cluster": order[0] }],
                "dynamic_warming_clusters": [{ "cluster": order[1] }],
            },
        ] });
        assert_eq!(rules(&lint(&dump)), ["cluster-plaintext"]);
    }
}

#[test]
fn a_listener_that_nobody_has_can_not_be_left_out() {
    let options = Options { unchecked: vec!["probse".to_owned()], ..Options::default() };
    let report = lint_text(&Base::Sidecar.text(), &options);
    let faults: Vec<_> = report.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults, ["--unchecked: fault: no listener `probse` was given"]);
}
