//! Decisions sent on: to a collector that takes them, and to those that don't.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a stage that can't be set up, or a span that is not as it must be, is a failed test"
)]

mod support;

#[path = "telemetry"]
mod telemetry {
    mod collector;
    mod joined;
    mod outage;
    mod sent;
}
