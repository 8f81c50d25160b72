//! The broken samples, by what the rules are about.

use hopgate::lint::Options;
use serde_json::{Value, json};

use super::change::{
    Broken, authz, broken, cluster, entry, filter, lua, manager, off, per_route, remote, route, share, upstream_tls,
    with_filter,
};
use super::sample::{AUTHZ, Base, MANAGER, ROUTE};

fn whether_hopgate_is_asked() -> Vec<Broken> {
    let sidecar = Base::Sidecar;
    let filters = format!("{MANAGER}/http_filters");
    let router = sidecar.value().pointer(&format!("{filters}/1")).unwrap().clone();
    let loopback = ("/static_resources/listeners/0/address/socket_address/address".to_owned(), json!("127.0.0.1"));
    let unchecked = Options { unchecked: vec!["inbound".to_owned()], ..Options::default() };
    let tcp = json!([{ "filters": [{ "name": "envoy.filters.network.tcp_proxy", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "tcp", "cluster": "invoices",
    } }] }]);
    let stray = sidecar
        .value()
        .pointer("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
        .unwrap()
        .clone();
    let matched = |entry: &mut Value| {
        let authz = entry["typed_config"].take();
        entry["typed_config"] = json!({
            "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            "extension_config": { "name": "ext_authz", "typed_config": authz },
            "xds_matcher": { "matcher_tree": {
                "input": { "name": "header", "typed_config": {
                    "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": "x-skip",
                } },
                "exact_match_map": { "map": { "yes": { "action": { "name": "skip", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter",
                } } } } },
            } },
        });
    };
    vec![
        broken("authz-missing", sidecar, vec![(filters.clone(), json!([router]))], "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters"),
        broken("authz-missing-on-loopback", sidecar, vec![(filters.clone(), json!([router])), loopback], "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters"),
        Broken { options: unchecked, ..broken("listener-unchecked", sidecar, vec![(filters, json!([router]))], "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters") },
        route("route-unchecked", "typed_per_filter_config", per_route(&json!({ "disabled": true })), "routes[0].typed_per_filter_config[\"envoy.filters.http.ext_authz\"].disabled"),
        entry("authz-off-by-default", |entry| entry["disabled"] = json!(true), "http_filters[0].disabled"),
        entry("authz-conditional", matched, "http_filters[0]"),
        authz("authz-sampled", "filter_enabled", share(50, "x.enabled"), "filter_enabled.default_value").with(&format!("{AUTHZ}/deny_at_disable"), off()),
        authz("authz-by-metadata", "filter_enabled_metadata", json!({ "filter": "f", "path": [{ "key": "k" }], "value": { "present_match": true } }), "filter_enabled_metadata").with(&format!("{AUTHZ}/deny_at_disable"), off()),
        authz("authz-switchable", "filter_enabled", share(100, "x.enabled"), "filter_enabled.runtime_key").with(&format!("{AUTHZ}/deny_at_disable"), Value::Null),
        authz("authz-shadow", "shadow_mode", json!(true), "typed_config.shadow_mode"),
        entry("authz-optional", |entry| entry["is_optional"] = json!(true), "http_filters[0].is_optional"),
        with_filter("authz-twice", 1, sidecar.value().pointer(&format!("{MANAGER}/http_filters/0")).unwrap().clone(), "http_filters[1]"),
        manager("upgrade-unchecked", "upgrade_configs", json!([{ "upgrade_type": "websocket", "filters": [router] }]), "upgrade_configs[0].filters"),
        manager("connect-tunnel", "upgrade_configs", json!([{ "upgrade_type": "CONNECT" }]), "upgrade_configs[0]"),
        broken("tcp-unchecked", sidecar, vec![("/static_resources/listeners/0/default_filter_chain".to_owned(), tcp[0].clone())], "listeners[0].default_filter_chain"),
        manager("routes-unknown", "rds", json!({ "route_config_name": "services", "config_source": { "path_config_source": { "path": "/dev/null" } } }), "rds.route_config_name").with(&format!("{MANAGER}/route_config"), Value::Null),
        entry("filter-unknown", |entry| {
            entry["typed_config"] = Value::Null;
            entry["config_discovery"] = json!({
                "config_source": { "path_config_source": { "path": "/dev/null" } },
                "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"],
            });
        }, "http_filters[0].config_discovery"),
        broken("listeners-elsewhere", sidecar, vec![("/dynamic_resources".to_owned(), json!({ "lds_config": { "path_config_source": { "path": "/dev/null" } } }))], "dynamic_resources.lds_config"),
        broken("manager-unseen", sidecar, vec![("/static_resources/clusters/1/metadata".to_owned(), json!({ "typed_filter_metadata": { "x": stray } }))], "typed_filter_metadata.x"),
    ]
}

fn around_the_filter() -> Vec<Broken> {
    let answering = filter(
        "cache",
        "cache.v3.CacheConfig",
        &json!({ "typed_config": { "@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig" } }),
    );
    vec![
        with_filter("answer-before-authz", 0, answering, "http_filters[0]"),
        with_filter("code-before-authz", 0, lua(&json!({ "clear_route_cache": false })), "http_filters[0]"),
        with_filter("code-after-authz", 1, lua(&json!({ "clear_route_cache": false })), "http_filters[1]"),
        authz("clear-route-cache", "clear_route_cache", json!(true), "typed_config.clear_route_cache"),
        with_filter("route-cleared-after-authz", 1, lua(&json!({})), "http_filters[1]"),
        with_filter(
            "mcp-filter-lax",
            0,
            filter("mcp", "mcp.v3.Mcp", &json!({ "traffic_mode": "PASS_THROUGH", "reject_duplicate_keys": true })),
            "http_filters[0].typed_config.traffic_mode",
        ),
    ]
}

fn when_hopgate_cannot_be_asked() -> Vec<Broken> {
    let http = json!({ "server_uri": { "uri": "http://hopgate", "cluster": "hopgate", "timeout": "0.5s" } });
    let google = json!({ "google_grpc": { "target_uri": "unix:/run/hopgate/check.sock", "stat_prefix": "hopgate" }, "timeout": "0.5s" });
    vec![
        authz("failure-mode-allow", "failure_mode_allow", json!(true), "typed_config.failure_mode_allow"),
        authz("status-on-error-success", "status_on_error", json!({ "code": 204 }), "status_on_error.code"),
        authz("status-on-error-unset", "status_on_error", Value::Null, "typed_config.status_on_error"),
        authz("validate-mutations-off", "validate_mutations", json!(false), "typed_config.validate_mutations"),
        authz("transport-not-v3", "transport_api_version", json!("V2"), "typed_config.transport_api_version")
            .refused_by_envoy(),
        authz("http-service", "http_service", http, "typed_config.http_service")
            .with(&format!("{AUTHZ}/grpc_service"), Value::Null),
        authz("google-grpc", "grpc_service", google, "grpc_service.google_grpc"),
        authz("timeout-unset", "grpc_service/timeout", Value::Null, "grpc_service.timeout"),
        authz("timeout-short", "grpc_service/timeout", json!("0.1s"), "grpc_service.timeout"),
        authz("timeout-none", "grpc_service/timeout", json!("0s"), "grpc_service.timeout"),
        authz("timeout-long", "grpc_service/timeout", json!("30s"), "grpc_service.timeout"),
        authz("check-retried", "grpc_service/retry_policy", json!({ "num_retries": 2 }), "grpc_service.retry_policy"),
    ]
}

fn what_hopgate_sees() -> Vec<Broken> {
    let body = |limit: u32, partial: bool, bytes: bool| json!({ "max_request_bytes": limit, "allow_partial_message": partial, "pack_as_bytes": bytes });
    let another = json!({ "check_settings": { "grpc_service": { "envoy_grpc": { "cluster_name": "invoices" } }, "context_extensions": { "service": "docs" } } });
    vec![
        authz("raw-headers-off", "encode_raw_headers", json!(false), "typed_config.encode_raw_headers"),
        authz("peer-certificate-off", "include_peer_certificate", Value::Null, "typed_config.include_peer_certificate"),
        authz("tls-session-off", "include_tls_session", Value::Null, "typed_config.include_tls_session"),
        authz("partial-body", "with_request_body", body(65_536, true, true), "with_request_body.allow_partial_message"),
        authz("body-as-text", "with_request_body", body(65_536, false, false), "with_request_body.pack_as_bytes"),
        authz(
            "body-limit-large",
            "with_request_body",
            body(65_537, false, true),
            "with_request_body.max_request_bytes",
        ),
        authz(
            "body-limit-beyond-message",
            "with_request_body",
            body(8_000_000, false, true),
            "with_request_body.max_request_bytes",
        ),
        route(
            "body-unread",
            "typed_per_filter_config",
            per_route(
                &json!({ "check_settings": { "disable_request_body_buffering": true, "context_extensions": { "service": "docs" } } }),
            ),
            "routes[0]",
        ),
        authz(
            "allowed-headers-hide",
            "allowed_headers",
            json!({ "patterns": [{ "exact": "authorization" }] }),
            "typed_config.allowed_headers",
        ),
        authz(
            "disallowed-headers-hide",
            "disallowed_headers",
            json!({ "patterns": [{ "prefix": "DP", "ignore_case": true }] }),
            "typed_config.disallowed_headers",
        ),
        authz(
            "mutation-rules-forbid",
            "decoder_header_mutation_rules",
            json!({ "disallow_expression": { "regex": "x-hopgate-s.*" } }),
            "typed_config.decoder_header_mutation_rules",
        ),
        authz(
            "metadata-not-kept",
            "enable_dynamic_metadata_ingestion",
            json!(false),
            "typed_config.enable_dynamic_metadata_ingestion",
        ),
        entry(
            "per-route-unmatched",
            |entry| entry["name"] = json!("hopgate"),
            "routes[0].typed_per_filter_config[\"envoy.filters.http.ext_authz\"]",
        ),
        route("route-asks-another", "typed_per_filter_config", per_route(&another), "check_settings.grpc_service"),
        route("service-unnamed", "typed_per_filter_config", json!({}), "routes[0]"),
    ]
}

fn the_connection_manager() -> Vec<Broken> {
    let transformation = json!({ "http_filter_transformation": { "operations": [{ "merge_slashes": {} }] } });
    vec![
        manager("path-not-normalized", "normalize_path", Value::Null, "typed_config.normalize_path"),
        manager("slashes-not-merged", "merge_slashes", json!(false), "typed_config.merge_slashes"),
        manager(
            "escaped-slashes",
            "path_with_escaped_slashes_action",
            json!("UNESCAPE_AND_FORWARD"),
            "typed_config.path_with_escaped_slashes_action",
        ),
        manager(
            "path-views-differ",
            "path_normalization_options",
            transformation,
            "typed_config.path_normalization_options",
        ),
        manager(
            "client-cert-forwarded",
            "forward_client_cert_details",
            json!("ALWAYS_FORWARD_ONLY"),
            "typed_config.forward_client_cert_details",
        ),
        manager(
            "client-cert-appended",
            "forward_client_cert_details",
            json!("APPEND_FORWARD"),
            "typed_config.forward_client_cert_details",
        ),
    ]
}

fn the_listener() -> Vec<Broken> {
    let socket = "/static_resources/listeners/0/filter_chains/0/transport_socket";
    let tls = format!("{socket}/typed_config");
    let validation = format!("{tls}/common_tls_context/validation_context");
    let at = |pointer: &str, to: Value| vec![(pointer.to_owned(), to)];
    let required = format!("{tls}/require_client_certificate");
    vec![
        broken("plaintext-inbound", Base::Sidecar, at(socket, Value::Null), "filter_chains[0].transport_socket"),
        broken(
            "client-certificate-optional",
            Base::Sidecar,
            at(&required, json!(false)),
            "typed_config.require_client_certificate",
        ),
        broken(
            "client-certificate-not-asked",
            Base::Sidecar,
            [at(&required, json!(false)), at(&validation, Value::Null)].concat(),
            "typed_config.require_client_certificate",
        ),
        broken(
            "peer-unverified",
            Base::Sidecar,
            at(&format!("{validation}/trust_chain_verification"), json!("ACCEPT_UNTRUSTED")),
            "validation_context.trust_chain_verification",
        ),
        broken(
            "peer-names-open",
            Base::Sidecar,
            at(&format!("{validation}/match_typed_subject_alt_names"), Value::Null),
            "validation_context.match_typed_subject_alt_names",
        ),
    ]
}

fn the_routes() -> Vec<Broken> {
    let added = json!([{ "header": { "key": "X-Hopgate-Subject", "value": "%REQ(x-user)%" } }]);
    vec![
        route("cluster-from-header", "route/cluster_header", json!("x-to"), "route.cluster_header")
            .with(&format!("{ROUTE}/route/cluster"), Value::Null),
        route(
            "cluster-from-plugin",
            "route/inline_cluster_specifier_plugin",
            json!({ "extension": { "name": "lua", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.router.cluster_specifiers.lua.v3.LuaConfig",
            "source_code": { "inline_string": "function envoy_on_route(handle) return 'docs' end" },
        } } }),
            "route.inline_cluster_specifier_plugin",
        )
        .with(&format!("{ROUTE}/route/cluster"), Value::Null),
        route("identity-header-added", "request_headers_to_add", added, "request_headers_to_add[0].header.key"),
        route("internal-redirect", "route/internal_redirect_policy", json!({}), "route.internal_redirect_policy"),
        route("path-rewritten", "route/prefix_rewrite", json!("/"), "route.prefix_rewrite"),
        route(
            "retried-upstream",
            "route/retry_policy",
            json!({ "retry_on": "connect-failure,5xx" }),
            "retry_policy.retry_on",
        ),
        route("stream-cut", "route/timeout", Value::Null, "route.timeout"),
        route(
            "stream-unbounded",
            "route/max_stream_duration",
            Value::Null,
            "route.max_stream_duration.max_stream_duration",
        ),
        route(
            "request-mirrored",
            "route/request_mirror_policies",
            json!([{ "cluster": "invoices" }]),
            "route.request_mirror_policies",
        ),
    ]
}

/// A route of the readiness listener to Envoy's own admin interface.
fn status(rule: &'static str, matched: &Value) -> Broken {
    let admin = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 15000 } });
    let cluster = json!({ "name": "admin", "load_assignment": { "cluster_name": "admin", "endpoints": [
        { "lb_endpoints": [{ "endpoint": { "address": admin } }] },
    ] } });
    let clusters = "/static_resources/clusters";
    let mut all = Base::Gateway.value().pointer(clusters).unwrap().as_array().unwrap().clone();
    all.push(cluster);
    let routes =
        "/static_resources/listeners/1/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
    let changes = vec![
        (clusters.to_owned(), json!(all)),
        (routes.to_owned(), json!([{ "match": matched, "route": { "cluster": "admin" } }])),
    ];
    broken(rule, Base::Gateway, changes, "virtual_hosts[0].routes[0]")
}

fn the_cluster_and_envoy_itself() -> Vec<Broken> {
    let trusted = json!({ "trusted_ca": { "filename": "/etc/mesh/ca.pem" } });
    let own = json!([{ "certificate_chain": { "filename": "/etc/mesh/cert.pem" }, "private_key": { "filename": "/etc/mesh/key.pem" } }]);
    let named = json!({ "trusted_ca": { "filename": "/etc/mesh/ca.pem" }, "match_typed_subject_alt_names": [{ "san_type": "URI", "matcher": { "exact": "spiffe://cluster.local/hopgate" } }] });
    let unverified = upstream_tls(&json!({ "tls_certificates": own }));
    let open = upstream_tls(&json!({ "tls_certificates": own, "validation_context": trusted }));
    let nobody = upstream_tls(&json!({ "validation_context": named }));
    let admin = json!({ "address": { "socket_address": { "address": "0.0.0.0", "port_value": 15000 } } });
    let runtime =
        json!({ "layers": [{ "name": "static", "static_layer": { "ext_authz": { "deny_at_disable": false } } }] });
    vec![
        authz("cluster-missing", "grpc_service/envoy_grpc/cluster_name", json!("hopgate2"), "envoy_grpc.cluster_name"),
        cluster("cluster-http1", vec![("typed_extension_protocol_options", Value::Null)], "HttpProtocolOptions\"]"),
        cluster("cluster-plaintext", remote(&Value::Null), "clusters[0].transport_socket"),
        cluster("cluster-unverified", remote(&unverified), "common_tls_context.validation_context"),
        cluster("cluster-names-open", remote(&open), "validation_context.match_typed_subject_alt_names"),
        cluster("cluster-no-certificate", remote(&nobody), "common_tls_context.tls_certificates"),
        cluster(
            "cluster-by-caller",
            vec![
                ("type", json!("ORIGINAL_DST")),
                ("lb_policy", json!("CLUSTER_PROVIDED")),
                ("load_assignment", Value::Null),
            ],
            "clusters[0].type",
        ),
        cluster(
            "cluster-abstract-socket",
            vec![("load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/pipe/path", json!("@hopgate"))],
            "pipe.path",
        ),
        broken("admin-exposed", Base::Gateway, vec![("/admin".to_owned(), admin)], "admin.address"),
        status("admin-routed", &json!({ "prefix": "/" })),
        status("admin-paths", &json!({ "path": "/ready" })),
        broken(
            "runtime-overrides-authz",
            Base::Sidecar,
            vec![("/layered_runtime".to_owned(), runtime)],
            "static_layer.ext_authz.deny_at_disable",
        ),
    ]
}

/// All samples, in the order of the rules.
pub(crate) fn every_one() -> Vec<Broken> {
    [
        whether_hopgate_is_asked(),
        around_the_filter(),
        when_hopgate_cannot_be_asked(),
        what_hopgate_sees(),
        the_connection_manager(),
        the_listener(),
        the_routes(),
        the_cluster_and_envoy_itself(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
