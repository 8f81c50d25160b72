//! What waits to be sent of one signal, bounded in number and in bytes.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::{Metrics, OtlpDropped, OtlpSignal};

/// Lines that wait.
const MAX_LINES: usize = 4096;
/// Their bytes. What they become is made when they are sent, being much larger.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A line, and the room it takes until it is sent.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) line: Bytes,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
pub(super) struct Lane {
    signal: OtlpSignal,
    lines: Sender<Waiting>,
    room: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    /// Whether the last line found room; a change is logged.
    had_room: bool,
}

impl Lane {
    pub(super) fn new(signal: OtlpSignal, metrics: Arc<Metrics>) -> (Self, Receiver<Waiting>) {
        let (lines, waiting) = mpsc::channel(MAX_LINES);
        (Self { signal, lines, room: Arc::new(Semaphore::new(MAX_BYTES)), metrics, had_room: true }, waiting)
    }

    /// Has `line` wait, or drops it.
    pub(super) fn offer(&mut self, line: &Bytes) {
        let size = u32::try_from(line.len()).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(size).ok();
        let waits = room.is_some_and(|room| self.lines.try_send(Waiting { line: line.clone(), _room: room }).is_ok());
        if waits {
            self.had_room = true;
        } else {
            self.missed(1);
        }
    }

    /// So many lines were not even seen; those that were in no trace that is kept are among them.
    pub(super) fn missed(&mut self, lines: u64) {
        self.metrics.otlp_dropped(self.signal, OtlpDropped::Behind, lines);
        if std::mem::replace(&mut self.had_room, false) {
            tracing::warn!(
                signal = self.signal.name(),
                "more is decided than the collector takes; what finds no room is dropped and counted"
            );
        }
    }
}
