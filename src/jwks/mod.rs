//! Keeping every issuer's keys: fetched at start, refreshed in the background, fetched anew for an
//! unknown `kid`, and kept through an outage. Issuers share nothing, so one can't hurt another.

mod fetch;
mod keeper;

pub use fetch::{FetchError, fetch};
pub use keeper::{Fetched, KeyKeeper, Refetch};
