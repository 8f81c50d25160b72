//! The broken samples, by what the rules are about: those of the filter itself, and all together.

use hopgate::lint::Options;
use serde_json::{Value, json};

use super::change::{
    Broken, authz, broken, entry, filter, lua, manager, matched, object, off, per_route, pointer, route, share,
    with_filter,
};
use super::sample::{AUTHZ, Base, MANAGER, ROUTE};
use super::surroundings::{the_cluster_and_envoy_itself, the_connection_manager, the_listener, the_routes};

fn whether_hopgate_is_asked() -> Vec<Broken> {
    let sidecar = Base::Sidecar;
    let filters = format!("{MANAGER}/http_filters");
    let router = sidecar.value().pointer(&format!("{filters}/1")).unwrap().clone();
    let loopback = ("/static_resources/listeners/0/address/socket_address/address".to_owned(), json!("127.0.0.1"));
    let unchecked_route = per_route(&json!({ "disabled": true }));
    let whose = json!({ "filter": "f", "path": [{ "key": "k" }], "value": { "present_match": true } });
    let again = sidecar.value().pointer(&format!("{filters}/0")).unwrap().clone();
    let upgrade = json!([{ "upgrade_type": "websocket", "filters": [router] }]);
    let source = json!({ "path_config_source": { "path": "/dev/null" } });
    let discovered = json!({ "route_config_name": "services", "config_source": source });
    let default_chain = "/static_resources/listeners/0/default_filter_chain".to_owned();
    let metadata = "/static_resources/clusters/1/metadata".to_owned();
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
    vec![
        broken(
            "authz-missing",
            sidecar,
            vec![(filters.clone(), json!([router]))],
            "filters[0].typed_config.http_filters",
        ),
        broken(
            "authz-missing-on-loopback",
            sidecar,
            vec![(filters.clone(), json!([router])), loopback],
            "filters[0].typed_config.http_filters",
        ),
        Broken {
            options: unchecked,
            ..broken(
                "listener-unchecked",
                sidecar,
                vec![(filters, json!([router]))],
                "filters[0].typed_config.http_filters",
            )
        },
        route(
            "route-unchecked",
            "typed_per_filter_config",
            unchecked_route,
            "[\"envoy.filters.http.ext_authz\"].disabled",
        ),
        entry("authz-off-by-default", |entry| entry["disabled"] = json!(true), "http_filters[0].disabled"),
        entry("authz-conditional", |entry| *entry = matched(entry), "http_filters[0]"),
        authz("authz-sampled", "filter_enabled", share(50, "x.enabled"), "filter_enabled.default_value")
            .with(&format!("{AUTHZ}/deny_at_disable"), off()),
        authz("authz-by-metadata", "filter_enabled_metadata", whose, "filter_enabled_metadata")
            .with(&format!("{AUTHZ}/deny_at_disable"), off()),
        authz("authz-switchable", "filter_enabled", share(100, "x.enabled"), "filter_enabled.runtime_key")
            .with(&format!("{AUTHZ}/deny_at_disable"), Value::Null),
        authz("authz-shadow", "shadow_mode", json!(true), "typed_config.shadow_mode"),
        entry("authz-optional", |entry| entry["is_optional"] = json!(true), "http_filters[0].is_optional"),
        with_filter("authz-twice", 1, again, "http_filters[1]"),
        manager("upgrade-unchecked", "upgrade_configs", upgrade, "upgrade_configs[0].filters"),
        manager("connect-tunnel", "upgrade_configs", json!([{ "upgrade_type": "CONNECT" }]), "upgrade_configs[0]"),
        manager("upgrade-open", "upgrade_configs", json!([{ "upgrade_type": "websocket" }]), "upgrade_configs[0]"),
        broken("tcp-unchecked", sidecar, vec![(default_chain, tcp[0].clone())], "listeners[0].default_filter_chain"),
        manager("routes-unknown", "rds", discovered, "rds.route_config_name")
            .with(&format!("{MANAGER}/route_config"), Value::Null),
        entry(
            "filter-unknown",
            |entry| {
                entry["typed_config"] = Value::Null;
                entry["config_discovery"] = json!({
                    "config_source": { "path_config_source": { "path": "/dev/null" } },
                    "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"],
                });
            },
            "http_filters[0].config_discovery",
        ),
        broken(
            "listeners-elsewhere",
            sidecar,
            vec![("/dynamic_resources".to_owned(), json!({ "lds_config": source }))],
            "dynamic_resources.lds_config",
        ),
        broken(
            "manager-unseen",
            sidecar,
            vec![(metadata, json!({ "typed_filter_metadata": { "x": stray } }))],
            "typed_filter_metadata.x",
        ),
    ]
}

fn around_the_filter() -> Vec<Broken> {
    let header = json!({ "key": "Authorization", "value": "Bearer x" });
    let mutations = json!({ "mutations": { "request_mutations": [{ "append": { "header": header } }] } });
    let injecting = filter("token", "header_mutation.v3.HeaderMutation", &mutations);
    let answering = filter(
        "cache",
        "cache.v3.CacheConfig",
        &json!({ "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig",
        } }),
    );
    vec![
        with_filter("answer-before-authz", 0, answering, "http_filters[0]"),
        with_filter("credential-injected", 0, injecting, "request_mutations[0].append.header.key"),
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
    let google = json!({ "target_uri": "unix:/run/hopgate/check.sock", "stat_prefix": "hopgate" });
    let google = json!({ "google_grpc": google, "timeout": "0.5s" });
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
    let docs = json!({ "service": "docs" });
    let server = json!({ "envoy_grpc": { "cluster_name": "invoices" } });
    let another = json!({ "check_settings": { "grpc_service": server, "context_extensions": docs } });
    let unread = json!({ "disable_request_body_buffering": true, "context_extensions": docs });
    vec![
        authz(
            "refusal-cut",
            "max_denied_response_body_bytes",
            json!(256),
            "typed_config.max_denied_response_body_bytes",
        ),
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
        route("body-unread", "typed_per_filter_config", per_route(&json!({ "check_settings": unread })), "routes[0]"),
        authz("grpc-buffered", "with_request_body", body(65_536, false, true), "routes[0]")
            .with(&format!("{ROUTE}/match/grpc"), json!({})),
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

/// All samples, in the order of the rules.
fn istio_and_envoy_gateway() -> Vec<Broken> {
    let (filter, custom, guard) =
        (("EnvoyFilter", "hopgate"), ("AuthorizationPolicy", "hopgate"), ("AuthorizationPolicy", "hopgate-guard"));
    let shared = Base::IstioShared;
    let unguarded = |broken: Broken| broken.with(&pointer(shared, guard, "action"), json!("AUDIT"));
    let narrow = json!([{ "to": [{ "operation": { "notPaths": ["/open"] } }] }]);
    let mut patches = Base::Istio.value().pointer(&pointer(Base::Istio, filter, "configPatches")).unwrap().clone();
    let removed = json!({
        "applyTo": "HTTP_FILTER",
        "match": { "context": "SIDECAR_INBOUND", "listener": { "filterChain": { "filter": {
            "name": "envoy.filters.network.http_connection_manager", "subFilter": { "name": "envoy.filters.http.ext_authz" },
        } } } },
        "patch": { "operation": "REMOVE" },
    });
    patches.as_array_mut().unwrap().push(removed);
    let mut items = Base::EnvoyGateway.value()["items"].clone();
    items.as_array_mut().unwrap().push(json!({
        "apiVersion": "gateway.envoyproxy.io/v1alpha1", "kind": "SecurityPolicy",
        "metadata": { "name": "browsers", "namespace": "gateways" },
        "spec": {
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "invoices" }],
            "cors": { "allowOrigins": ["https://app.example.com"] },
        },
    }));
    let overridden = broken("policy-overridden", Base::EnvoyGateway, vec![("/items".to_owned(), items)], "spec");
    let last = pointer(Base::EnvoyGateway, ("EnvoyPatchPolicy", "hopgate"), "jsonPatches/5/operation/value");
    vec![
        unguarded(object("custom-policy-empty", shared, custom, "rules", json!([]), "spec.rules")),
        unguarded(object("custom-policy-narrow", shared, custom, "rules", narrow, "spec.rules")),
        object("guard-missing", shared, guard, "action", json!("AUDIT"), "spec"),
        object("provider-unknown", shared, custom, "provider/name", json!("nobody"), "spec.provider.name"),
        object(
            "peer-authentication-lax",
            shared,
            ("PeerAuthentication", "default"),
            "mtls/mode",
            json!("PERMISSIVE"),
            "mtls.mode",
        ),
        object(
            "filter-behind-router",
            Base::Istio,
            filter,
            "configPatches/2/patch/operation",
            json!("ADD"),
            "patch.operation",
        ),
        object("filter-outbound", Base::Istio, filter, "configPatches/2/match/context", json!("ANY"), "match.context"),
        object("filter-removed", Base::Istio, filter, "configPatches", patches, "configPatches[3].patch"),
        Broken { besides: &["guard-missing"], ..overridden.with(&last, json!({ "name": "none" })) },
    ]
}

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
        istio_and_envoy_gateway(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
