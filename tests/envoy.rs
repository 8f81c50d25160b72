//! hopgate behind a real Envoy: what a caller gets, and what the service behind it sees.

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

mod envoy {
    mod answers;
    mod bound;
    mod grpc;
    mod outage;
    mod path;
    mod services;
    mod upstream;
    mod workloads;
}
