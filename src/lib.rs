//! hopgate
pub mod authz;
pub mod config;
pub mod dev;
