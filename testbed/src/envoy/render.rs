//! Typed config → Envoy's bootstrap as JSON, top-down: bootstrap, listener, filters, routes, clusters.
//!
//! `serde_json` sorts keys, so what a reader looks for sits under Envoy's own names, not at a fixed line.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::{
    Action, Authorization, AuthzServer, Config, ExtAuthz, Hcm, JwtAuthn, Listener, RequestBody, Route, Upstream,
};
use super::render_tls::{downstream_tls, upstream_tls};

const EXT_AUTHZ: &str = "envoy.filters.http.ext_authz";
const JWT_AUTHN: &str = "envoy.filters.http.jwt_authn";

impl Config {
    /// The bootstrap that Envoy reads.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "node": { "id": self.name, "cluster": self.name },
            "admin": { "address": socket_address(SocketAddr::from(([127, 0, 0, 1], 0))) },
            "static_resources": {
                "listeners": self.listeners.iter().map(listener).collect::<Vec<_>>(),
                "clusters": self.listeners.iter().flat_map(clusters).collect::<Vec<_>>(),
            },
        })
    }
}

fn listener(listener: &Listener) -> Value {
    let mut chain = json!({ "filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": http_connection_manager(listener),
    }]});
    if let Some(mtls) = &listener.mtls {
        put(&mut chain, "transport_socket", downstream_tls(mtls));
    }
    json!({
        "name": listener.name,
        "address": socket_address(SocketAddr::from(([127, 0, 0, 1], listener.port))),
        "filter_chains": [chain],
    })
}

fn http_connection_manager(listener: &Listener) -> Value {
    let Hcm { normalize_path, merge_slashes, reject_escaped_slashes, sanitize_client_cert } = listener.hcm;
    let mut filters: Vec<Value> = authorization(listener).into_iter().collect();
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": url("envoy.extensions.filters.http.router.v3.Router") },
    }));
    let mut manager = json!({
        "@type": url("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": listener.name,
        "codec_type": "AUTO",
        "normalize_path": normalize_path,
        "merge_slashes": merge_slashes,
        "path_with_escaped_slashes_action":
            if reject_escaped_slashes { "REJECT_REQUEST" } else { "KEEP_UNCHANGED" },
        "forward_client_cert_details":
            if sanitize_client_cert { "SANITIZE_SET" } else { "ALWAYS_FORWARD_ONLY" },
        "set_current_client_cert_details": { "uri": true },
        "http_filters": filters,
        "route_config": { "virtual_hosts": [{
            "name": listener.name,
            "domains": ["*"],
            "routes": listener.routes.iter().enumerate()
                .map(|(index, entry)| route(listener, index, entry)).collect::<Vec<_>>(),
        }]},
    });
    if let Some(path) = &listener.access_log {
        put(&mut manager, "access_log", json!([access_log(path)]));
    }
    manager
}

fn access_log(path: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": url("envoy.extensions.access_loggers.file.v3.FileAccessLog"),
            "path": path,
            "log_format": { "json_format": {
                "time": "%START_TIME%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "method": "%REQ(:METHOD)%",
                "path": "%REQ(:PATH)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "peer": "%DOWNSTREAM_PEER_URI_SAN%",
                "duration_ms": "%DURATION%",
                "authz": format!("%DYNAMIC_METADATA({EXT_AUTHZ})%"),
            }},
        },
    })
}

fn authorization(listener: &Listener) -> Option<Value> {
    match &listener.authorization {
        Authorization::None => None,
        Authorization::ExtAuthz(filter) => Some(json!({
            "name": EXT_AUTHZ,
            "typed_config": ext_authz(filter, &listener.name),
        })),
        Authorization::JwtAuthn(filter) => Some(json!({
            "name": JWT_AUTHN,
            "typed_config": jwt_authn(filter),
        })),
    }
}

fn ext_authz(filter: &ExtAuthz, listener: &str) -> Value {
    let mut config = json!({
        "@type": url("envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"),
        "transport_api_version": "V3",
        // `google_grpc` resets every call over a Unix socket.
        "grpc_service": {
            "envoy_grpc": { "cluster_name": authz_cluster(listener), "authority": "localhost" },
            "timeout": format!("{}s", filter.timeout.as_secs_f64()),
        },
        "failure_mode_allow": filter.failure_mode_allow,
        "status_on_error": { "code": filter.status_on_error },
        "validate_mutations": filter.validate_mutations,
        "encode_raw_headers": filter.encode_raw_headers,
        "include_peer_certificate": filter.include_peer_certificate,
        "include_tls_session": filter.include_tls_session,
        "clear_route_cache": filter.clear_route_cache,
        "deny_at_disable": { "runtime_key": "ext_authz.deny_at_disable", "default_value": true },
    });
    if let Some(body) = &filter.request_body {
        put(&mut config, "with_request_body", request_body(body));
    }
    config
}

fn request_body(body: &RequestBody) -> Value {
    json!({
        "max_request_bytes": body.max_bytes,
        "allow_partial_message": body.allow_partial,
        "pack_as_bytes": body.as_bytes,
    })
}

fn jwt_authn(filter: &JwtAuthn) -> Value {
    let mut provider = json!({
        "issuer": filter.issuer,
        "audiences": [filter.audience],
        "local_jwks": { "inline_string": filter.jwks },
    });
    if let Some(size) = filter.cached_tokens {
        put(&mut provider, "jwt_cache_config", json!({ "jwt_cache_size": size }));
    }
    json!({
        "@type": url("envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"),
        "providers": { "issuer": provider },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "issuer" } }],
    })
}

fn route(listener: &Listener, index: usize, route: &Route) -> Value {
    let mut entry = json!({ "match": { "prefix": route.prefix } });
    match &route.action {
        Action::Forward(_) => {
            let cluster = upstream_cluster(&listener.name, index);
            put(&mut entry, "route", json!({ "cluster": cluster }));
        }
        Action::Respond { status, body } => {
            let answer = json!({ "status": status, "body": { "inline_string": body } });
            put(&mut entry, "direct_response", answer);
        }
    }
    if matches!(listener.authorization, Authorization::ExtAuthz(_))
        && let Some(check) = per_route_check(route)
    {
        put(&mut entry, "typed_per_filter_config", json!({ EXT_AUTHZ: check }));
    }
    entry
}

fn per_route_check(route: &Route) -> Option<Value> {
    let kind = url("envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute");
    if route.unchecked {
        return Some(json!({ "@type": kind, "disabled": true }));
    }
    let mut settings = json!({});
    if !route.context_extensions.is_empty() {
        put(&mut settings, "context_extensions", json!(route.context_extensions));
    }
    if route.unbuffered {
        put(&mut settings, "disable_request_body_buffering", json!(true));
    }
    (settings != json!({})).then(|| json!({ "@type": kind, "check_settings": settings }))
}

fn clusters(listener: &Listener) -> Vec<Value> {
    let authz = match &listener.authorization {
        Authorization::ExtAuthz(filter) => {
            let name = authz_cluster(&listener.name);
            Some(match &filter.server {
                AuthzServer::Unix(path) => cluster(&name, &json!({ "pipe": { "path": path } }), true),
                AuthzServer::Tcp(address) => cluster(&name, &socket_address(*address), true),
                AuthzServer::Tls(address, mtls) => {
                    let server = Upstream { http2: true, mtls: Some(mtls.clone()), ..Upstream::at(*address) };
                    upstream_entry(&name, &server)
                }
            })
        }
        Authorization::None | Authorization::JwtAuthn(_) => None,
    };
    let upstreams = listener.routes.iter().enumerate().filter_map(|(index, route)| {
        let Action::Forward(upstream) = &route.action else {
            return None;
        };
        Some(upstream_entry(&upstream_cluster(&listener.name, index), upstream))
    });
    authz.into_iter().chain(upstreams).collect()
}

fn upstream_entry(name: &str, upstream: &Upstream) -> Value {
    let mut entry = cluster(name, &socket_address(upstream.address), upstream.http2);
    if let Some(mtls) = &upstream.mtls {
        put(&mut entry, "transport_socket", upstream_tls(mtls, upstream.http2));
    }
    entry
}

fn cluster(name: &str, address: &Value, http2: bool) -> Value {
    let protocol = if http2 { "http2_protocol_options" } else { "http_protocol_options" };
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address } }] }],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": url("envoy.extensions.upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": { protocol: {} },
            },
        },
    })
}

fn authz_cluster(listener: &str) -> String {
    format!("{listener}.authz")
}

fn upstream_cluster(listener: &str, route: usize) -> String {
    format!("{listener}.upstream.{route}")
}

fn socket_address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

pub(super) fn url(message: &str) -> String {
    format!("type.googleapis.com/{message}")
}

/// Adds an optional field to an object that `json!` made.
pub(super) fn put(object: &mut Value, key: &str, value: Value) {
    object.as_object_mut().unwrap_or(&mut Map::new()).insert(key.to_owned(), value);
}
