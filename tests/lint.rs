//! `hopgate lint-envoy`: what it finds, what it leaves alone, and that what it likes works.

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

mod lint {
    mod any;
    mod bad_input;
    mod broken;
    mod cases;
    mod change;
    mod clean;
    mod command;
    mod dump;
    mod gateway;
    mod hidden;
    mod levels;
    mod objects;
    mod passes;
    mod sample;
    mod shapes;
    mod surroundings;
}
