//! Envoy's external authorization, `envoy.service.auth.v3.Authorization/Check`.
//!
//! [`decode`] takes the facts out of a `CheckRequest`, [`encode`] makes the only two kinds of
//! `CheckResponse` there are, `service` is the straight line between them, and `seal` turns
//! what goes wrong before or around it into a normal refusal.

pub mod challenge;
pub mod decode;
pub mod encode;
mod json_rpc;
mod patience;
mod seal;
mod service;

pub use seal::SealLayer;
pub use service::Checker;
