//! The decision record: one line per decision, written before the answer leaves.

mod clean;
mod feed;
mod record;
mod writer;

pub use clean::clean;
pub use feed::{Feed, Followed, Following};
pub use record::{Decided, Facts, Record};
pub(crate) use record::{hex, named};
pub use writer::{AuditLog, Receipt, RecordRefused, start};
