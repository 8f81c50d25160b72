//! The decision core, without an edge: properties that must hold for every token and every rule.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod a2a;
mod approval;
mod attacks;
mod body;
mod chain_properties;
mod config_faults;
mod frozen_names;
mod mcp;
mod observe;
mod policy;
mod redacted_fields;
mod redaction;
mod redis;
mod replay_battery;
mod support;
mod token_properties;
