//! The decision record: one line per decision, written before the answer leaves.

mod chain;
mod checkpoint;
mod clean;
mod feed;
mod queue;
mod record;
mod redact;
mod trace;
mod writer;

pub use chain::StateFile;
pub(crate) use checkpoint::{ALGORITHM, Claims, TYPE};
pub use checkpoint::{CheckpointKey, Checkpoints, NoCheckpointKey};
pub use clean::clean;
pub(crate) use clean::printable;
pub use feed::{Feed, Followed, Following};
pub use queue::{AuditLog, Receipt, RecordRefused};
pub use record::{Decided, Facts, Record};
pub(crate) use record::{hex, named};
pub(crate) use redact::unlike_a_hash;
pub use redact::{HashKey, Redactable, Redaction, ShortKey};
pub use trace::{TRACEPARENT, TraceContext};
pub use writer::{Writing, start};
