//! The Helm chart, by Helm itself: what it renders, what it refuses, and that what it renders runs.

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

mod chart {
    mod admission;
    mod cluster;
    mod faults;
    mod guide;
    mod helm;
    mod matrix;
    mod pod;
    mod pods;
    mod rollout;
    mod schema;
    mod sidecar;
}
