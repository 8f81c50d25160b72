//! The webhook that gives pods a hopgate: what it adds, what it refuses, and that it answers whatever is sent to it.

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

mod inject {
    mod annotations;
    mod bodies;
    mod cluster;
    mod envoys;
    mod foreign;
    mod page;
    mod pods;
    mod refused;
    mod runs;
    mod serving;
    mod settings;
    mod shapes;
    mod validate;
    mod webhook;
    mod whole;
}
