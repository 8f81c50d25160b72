//! hopgate
pub mod authz;
#[doc(hidden)]
pub mod cli;
pub mod config;
pub mod dev;
