//! The decision core, without an edge: properties that must hold for every token and every rule.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "tests")]

mod chain_properties;
mod config_faults;
mod frozen_names;
mod observe;
mod redis;
mod replay_battery;
mod support;
mod token_properties;
