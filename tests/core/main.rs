//! The decision core, without an edge: properties that must hold for every token and every rule.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "tests")]

mod a2a;
mod approval;
mod attack_a2a;
mod attack_config;
mod attack_json;
mod attack_misc;
mod attack_second;
mod attack_third;
mod body;
mod chain_properties;
mod config_faults;
mod frozen_names;
mod mcp;
mod observe;
mod policy;
mod redis;
mod replay_battery;
mod support;
mod token_properties;
