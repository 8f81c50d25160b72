//! hopgate between an authorization server and an OAuth client that we did not write, behind a real Envoy.
//!
//! The client learns all it does from the resource's URL, metadata and challenges; see `testbed/authorization-server`.

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

mod authorization_server {
    mod agent;
    mod discovery;
    mod play;
    mod refused;
    mod step_up;
    mod user;
}
