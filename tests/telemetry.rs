//! Decisions sent on: to a collector that takes them, and to those that don't.

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

#[path = "telemetry"]
mod telemetry {
    mod collector;
    mod joined;
    mod outage;
    mod real;
    mod sent;
}
