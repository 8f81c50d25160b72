//! Broken samples of what stands around the filter: manager, listener, routes, clusters, and Envoy itself.

use serde_json::{Value, json};

use super::change::{Broken, authz, broken, cluster, filter, lua, manager, remote, route, upstream_tls};
use super::sample::{Base, MANAGER, ROUTE};

pub(crate) fn the_connection_manager() -> Vec<Broken> {
    let comparison = json!({ "op": "EQ", "value": { "default_value": 403, "runtime_key": "x" } });
    let replies = json!({ "mappers": [
        { "filter": { "status_code_filter": { "comparison": comparison } }, "status_code": 200 },
    ] });
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
        broken(
            "caller-address-believed",
            Base::Gateway,
            vec![(format!("{MANAGER}/use_remote_address"), Value::Null)],
            "typed_config.use_remote_address",
        ),
        manager(
            "chunked-length",
            "http_protocol_options",
            json!({ "allow_chunked_length": true }),
            "http_protocol_options.allow_chunked_length",
        ),
        manager("refusal-rewritten", "local_reply_config", replies, "mappers[0].status_code"),
    ]
}

pub(crate) fn the_listener() -> Vec<Broken> {
    let socket = "/static_resources/listeners/0/filter_chains/0/transport_socket";
    let tls = format!("{socket}/typed_config");
    let validation = format!("{tls}/common_tls_context/validation_context");
    let at = |pointer: &str, to: Value| vec![(pointer.to_owned(), to)];
    let own_address = format!("{MANAGER}/use_remote_address");
    let required = format!("{tls}/require_client_certificate");
    vec![
        broken("plaintext-inbound", Base::Sidecar, at(socket, Value::Null), "filter_chains[0].transport_socket")
            .with(&own_address, json!(true)),
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
        )
        .with(&own_address, json!(true)),
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
        broken(
            "expired-certificates",
            Base::Sidecar,
            at(&format!("{validation}/allow_expired_certificate"), json!(true)),
            "validation_context.allow_expired_certificate",
        ),
        broken(
            "tls-old",
            Base::Sidecar,
            at(&format!("{tls}/common_tls_context/tls_params"), json!({ "tls_minimum_protocol_version": "TLSv1_1" })),
            "tls_params.tls_minimum_protocol_version",
        ),
    ]
}

pub(crate) fn the_routes() -> Vec<Broken> {
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

pub(crate) fn the_cluster_and_envoy_itself() -> Vec<Broken> {
    let trusted = json!({ "trusted_ca": { "filename": "/etc/mesh/ca.pem" } });
    let file = |name: &str| json!({ "filename": format!("/etc/mesh/{name}.pem") });
    let own = json!([{ "certificate_chain": file("cert"), "private_key": file("key") }]);
    let sans = json!([{ "san_type": "URI", "matcher": { "exact": "spiffe://cluster.local/hopgate" } }]);
    let named = json!({ "trusted_ca": file("ca"), "match_typed_subject_alt_names": sans });
    let unverified = upstream_tls(&json!({ "tls_certificates": own }));
    let open = upstream_tls(&json!({ "tls_certificates": own, "validation_context": trusted }));
    let nobody = upstream_tls(&json!({ "validation_context": named }));
    let admin = json!({ "address": { "socket_address": { "address": "0.0.0.0", "port_value": 15000 } } });
    let key = "envoy.reloadable_features.http_reject_path_with_fragment";
    let fragments = json!({ "layers": [{ "name": "static", "static_layer": { key: false } }] });
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
        cluster(
            "cluster-few-requests",
            vec![("circuit_breakers", json!({ "thresholds": [{ "max_requests": 10 }] }))],
            "thresholds[0].max_requests",
        ),
        cluster(
            "cluster-filtered",
            vec![(
                "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters",
                json!([lua(&json!({})), filter("codec", "upstream_codec.v3.UpstreamCodec", &json!({}))]),
            )],
            "http_filters[0]",
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
        broken(
            "fragment-kept",
            Base::Sidecar,
            vec![("/layered_runtime".to_owned(), fragments)],
            "http_reject_path_with_fragment\"]",
        ),
    ]
}
