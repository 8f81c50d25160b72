//! hopgate
pub mod authz;
pub mod config;
