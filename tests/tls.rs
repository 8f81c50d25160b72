//! Checks over TLS: for listed clients, and for nobody else.

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

mod tls {
    mod crowd;
    mod refused;
    mod rotation;
    mod served;
    mod stage;
    mod start;
}
