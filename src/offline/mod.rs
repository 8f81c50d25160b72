//! The decision on one call without Envoy: no network, no running hopgate, everything else as it is served.
//!
//! [`Call`] is what Envoy would send; [`decide`] rules on it as the service does, with claims on a store in memory;
//! [`shown`] says in words what each check found.

mod call;
mod ruling;
pub mod shown;

pub use call::Call;
pub use ruling::{Answer, Ruling, decide};
