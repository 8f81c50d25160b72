//! What `k8s/istio`, `k8s/envoy-gateway` and `k8s/agentgateway` hold: it is what the APIs take, what the control planes make
//! of it works in a real Envoy, and nothing gets past hopgate there.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

mod wiring {
    mod agentgateway;
    mod caller;
    mod dump;
    mod envoy_gateway;
    mod istio;
    mod lint;
    mod manifests;
    mod mesh_config;
    mod pods;
    mod rules;
    mod schema;
    mod stage;
}
