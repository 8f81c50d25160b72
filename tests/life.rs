//! A process through its life: probes, metrics, reloads, records nobody reads, and its end.

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

mod life {
    mod audit;
    mod drain;
    mod listen;
    mod probes;
    mod reload;
}
