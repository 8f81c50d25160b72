//! Where records wait for their writer.
//!
//! A record is accepted or refused at once, never waited for: a call must not hang because
//! somebody does not read the log. Refusals may fill half of the room only, so that a flood of
//! calls that are refused anyway does not take the records of good ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use thiserror::Error;

/// Most bytes of records waiting.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Where records are handed in. Clones share one writer.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: SyncSender<Message>,
    /// Records that may wait.
    capacity: usize,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) enum Message {
    Record(Line),
    /// Nothing comes after it.
    End,
}

/// An accepted record.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) json: Vec<u8>,
    /// How many were refused before it.
    pub(super) gap: u64,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Records that found no room since the last one that did.
    refused: AtomicU64,
    /// Records waiting, and their bytes.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    /// Nothing can be written now.
    pub(super) broken: AtomicBool,
}

/// Proof that a record was accepted; an allow can't be encoded without one.
#[derive(Debug)]
#[must_use]
pub struct Receipt(());

/// The record found no room, or nobody writes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the decision record was not accepted")]
pub struct RecordRefused;

/// A queue with room for `capacity` records: where they are handed in, and where they come out.
pub(super) fn queue(capacity: usize) -> (AuditLog, Receiver<Message>) {
    let (queue, records) = sync_channel(capacity);
    (AuditLog { queue, capacity, shared: Arc::default() }, records)
}

impl AuditLog {
    /// Hands in one line, a JSON object without its end; `refusal` is what it records.
    ///
    /// # Errors
    /// [`RecordRefused`] at once if there is no room or the writer has failed.
    pub fn accept(&self, line: Vec<u8>, refusal: bool) -> Result<Receipt, RecordRefused> {
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(RecordRefused);
        }
        let size = line.len();
        if !self.has_room(size, refusal) {
            self.shared.refused.fetch_add(1, Ordering::AcqRel);
            return Err(RecordRefused);
        }
        let gap = self.shared.refused.swap(0, Ordering::AcqRel);
        // Counted before it is sent, so that the writer never takes off what was not put on.
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        self.shared.waiting_bytes.fetch_add(size, Ordering::AcqRel);
        match self.queue.try_send(Message::Record(Line { json: line, gap })) {
            Ok(()) => Ok(Receipt(())),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.took(1, size);
                self.shared.refused.fetch_add(gap.saturating_add(1), Ordering::AcqRel);
                Err(RecordRefused)
            }
        }
    }

    /// Ends the writer once all that was accepted is written; called again while it has no room
    /// for the word. Later records are refused.
    pub fn close(&self) {
        // Full: the caller comes again. Gone: it has ended.
        let _ = self.queue.try_send(Message::End);
    }

    /// Whether the record of an allow would be accepted now.
    #[must_use]
    pub fn has_room_for_allow(&self) -> bool {
        !self.shared.broken.load(Ordering::Acquire) && self.has_room(0, false)
    }

    fn has_room(&self, size: usize, refusal: bool) -> bool {
        let share = |all: usize| if refusal { all.div_ceil(2) } else { all };
        self.shared.waiting.load(Ordering::Acquire) < share(self.capacity)
            && self.shared.waiting_bytes.load(Ordering::Acquire).saturating_add(size) <= share(MAX_BYTES)
    }
}

impl Shared {
    pub(super) fn took(&self, records: usize, bytes: usize) {
        self.waiting.fetch_sub(records, Ordering::AcqRel);
        self.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}
