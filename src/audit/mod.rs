//! The decision record: one line per decision, written before the answer leaves.

mod clean;
mod record;
mod writer;

pub use clean::clean;
pub(crate) use record::named;
pub use record::{Facts, Record};
pub use writer::{AuditLog, Receipt, RecordRefused, start};
