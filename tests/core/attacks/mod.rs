//! Calls and configurations by which somebody tried to get past the rules.

mod a2a;
mod config;
mod elsewhere;
mod json;
mod spellings;
mod traces;
