//! One trace with a real Envoy's spans.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testbed::envoy::{Config, Envoy, ExtAuthz, Listener, Route};

use super::collector::{Collector, attribute, hex, plan};
use crate::support::mesh::echo;
use crate::support::{Gate, http};

/// Envoy in front of `gate`, which tells of its own spans at `collector`.
pub(super) async fn tracing(gate: &Gate, collector: SocketAddr) -> Envoy {
    let mut listener = Listener::new("inbound");
    listener.routes = vec![Route::to(echo().await)];
    listener.authorization = ExtAuthz::at(gate.socket()).into();
    let mut bootstrap = Config::new("invoices").listener(listener).to_json();
    let manager = bootstrap
        .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config")
        .and_then(Value::as_object_mut)
        .unwrap();
    manager.insert(
        "tracing".to_owned(),
        json!({ "random_sampling": { "value": 100 }, "provider": { "name": "envoy.tracers.opentelemetry", "typed_config": {
            "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig", "service_name": "edge",
            "grpc_service": { "envoy_grpc": { "cluster_name": "collector" }, "timeout": "1s" } } } }),
    );
    let clusters = bootstrap.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut).unwrap();
    clusters.push(json!({ "name": "collector", "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": { "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} } } },
        "load_assignment": { "cluster_name": "collector", "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
            "socket_address": { "address": "127.0.0.1", "port_value": collector.port() } } } }] }] } }));
    Envoy::start_bootstrap("invoices", &bootstrap, 1).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_decision_is_a_child_of_the_span_in_which_envoy_asked() {
    let (collector, address) = Collector::start().await;
    let mut gate = plan(address).start();
    let envoy = tracing(&gate, address).await;
    let token = gate.token();
    let inbound = envoy.address("inbound").unwrap();
    let caller = "0af7651916cd43dd8448eb211c80319c";
    let headers =
        [("authorization", format!("Bearer {token}")), ("traceparent", format!("00-{caller}-b7ad6b7169203331-01"))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_bytes()));
    assert_eq!(http::request(inbound, "GET", "/invoices", &headers).status, 200);

    let of = |resource: &[_], name: &str| attribute(resource, "service.name") == name;
    let (_, decided) = collector.span(|span| span.name.ends_with("Authorization/Check")).await;
    assert_eq!(hex(&decided.trace_id), caller);
    let (resource, asking) = collector.span(|span| span.span_id == decided.parent_span_id).await;
    assert!(of(&resource.attributes, "edge"), "Envoy's own: {resource:?}");
    let (_, inbound) = collector.span(|span| span.span_id == asking.parent_span_id).await;
    assert_eq!(hex(&inbound.parent_span_id), "b7ad6b7169203331", "and that one is the caller's child");
    assert!(asking.start_time_unix_nano <= decided.start_time_unix_nano);
    assert!(decided.end_time_unix_nano <= asking.end_time_unix_nano);
    let logs = collector.logs(1).await;
    assert_eq!((&logs[0].trace_id, &logs[0].span_id), (&decided.trace_id, &decided.span_id));
    let record = gate.record_where(|record| record["decision"] == "allow");
    assert_eq!(record["trace_id"], caller);
}
