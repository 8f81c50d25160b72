//! The bounded writer of decision records.
//!
//! A record is accepted or refused at once, never waited for: a call must not hang because
//! somebody does not read the log. What is accepted is written in order by one thread, numbered
//! and chained: `seq` counts, `prev` is the SHA-256 of the line before. A refused record (its
//! call is refused too) leaves a gap in `seq`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use aws_lc_rs::digest;
use thiserror::Error;

use super::record::hex;

/// Most bytes gathered for one write.
const BATCH: usize = 64 * 1024;

/// Where records are handed in. Clones share one writer.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Records that found no room since the last one that did.
    refused: AtomicU64,
    broken: AtomicBool,
}

/// Proof that a record was accepted; an allow can't be encoded without one.
#[derive(Debug)]
#[must_use]
pub struct Receipt(());

/// The record found no room, or nobody writes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the decision record was not accepted")]
pub struct RecordRefused;

impl AuditLog {
    /// Hands in one line, a JSON object without its end.
    ///
    /// # Errors
    /// [`RecordRefused`] at once if the queue is full or the writer has failed.
    pub fn accept(&self, line: Vec<u8>) -> Result<Receipt, RecordRefused> {
        if self.shared.broken.load(Ordering::Acquire) {
            return Err(RecordRefused);
        }
        match self.queue.try_send(line) {
            Ok(()) => Ok(Receipt(())),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.shared.refused.fetch_add(1, Ordering::AcqRel);
                Err(RecordRefused)
            }
        }
    }
}

/// Starts the writer of `sink`, with room for `capacity` records. The thread ends when the last
/// [`AuditLog`] is gone and all is written, or with the error that stopped it.
///
/// # Errors
/// The thread could not be started.
pub fn start(sink: impl Write + Send + 'static, capacity: usize) -> io::Result<(AuditLog, JoinHandle<io::Result<()>>)> {
    let (queue, lines) = sync_channel(capacity);
    let shared = Arc::new(Shared::default());
    let writer = Writer { sink, shared: Arc::clone(&shared), seq: 0, prev: [0; 32], batch: Vec::new() };
    let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&lines))?;
    Ok((AuditLog { queue, shared }, thread))
}

struct Writer<W> {
    sink: W,
    shared: Arc<Shared>,
    seq: u64,
    prev: [u8; 32],
    batch: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn run(mut self, lines: &Receiver<Vec<u8>>) -> io::Result<()> {
        let result = self.write_all(lines);
        if result.is_err() {
            self.shared.broken.store(true, Ordering::Release);
        }
        result
    }

    fn write_all(&mut self, lines: &Receiver<Vec<u8>>) -> io::Result<()> {
        while let Ok(line) = lines.recv() {
            self.append(&line);
            while self.batch.len() < BATCH {
                let Ok(line) = lines.try_recv() else { break };
                self.append(&line);
            }
            self.sink.write_all(&self.batch)?;
            self.sink.flush()?;
            self.batch.clear();
        }
        Ok(())
    }

    /// Adds `line` with its number and its link to the line before.
    fn append(&mut self, line: &[u8]) {
        let skipped = self.shared.refused.swap(0, Ordering::AcqRel);
        self.seq = self.seq.saturating_add(1).saturating_add(skipped);
        let start = self.batch.len();
        self.batch.extend_from_slice(line.strip_suffix(b"}").unwrap_or(line));
        let tail = format!(",\"seq\":{},\"prev\":\"{}\"}}", self.seq, hex(self.prev.iter()));
        self.batch.extend_from_slice(tail.as_bytes());
        let written = self.batch.get(start..).unwrap_or_default();
        self.prev.copy_from_slice(digest::digest(&digest::SHA256, written).as_ref());
        self.batch.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Blocks until it is told to go on.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn records_are_numbered_and_chained_in_order() {
        let sink = Sink::default();
        let (log, thread) = start(sink.clone(), 16).expect("a thread");
        for n in 0..5 {
            let _receipt = log.accept(format!("{{\"n\":{n}}}").into_bytes()).expect("room");
        }
        drop(log);
        thread.join().expect("no panic").expect("written");
        let text = String::from_utf8(sink.0.lock().expect("unpoisoned").clone()).expect("UTF-8");
        let mut prev = hex([0u8; 32].iter());
        for (n, line) in text.lines().enumerate() {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((record["n"].as_u64(), record["seq"].as_u64()), (Some(n as u64), Some(n as u64 + 1)));
            assert_eq!(record["prev"], prev);
            prev = hex(digest::digest(&digest::SHA256, line.as_bytes()).as_ref().iter());
        }
        assert_eq!(text.lines().count(), 5);
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_leaves_a_gap() {
        let (go, wait) = mpsc::channel();
        let (log, _thread) = start(Stuck(wait), 2).expect("a thread");
        let refused = (0..10).filter(|_| log.accept(b"{}".to_vec()).is_err()).count();
        assert!(refused >= 7, "two wait, one may be in the writer's hands: {refused}");
        drop(go);
    }

    #[test]
    fn a_broken_sink_refuses_every_later_record() {
        let (go, wait) = mpsc::channel::<()>();
        drop(go);
        let (log, thread) = start(Stuck(wait), 16).expect("a thread");
        let _ = log.accept(b"{}".to_vec());
        assert!(thread.join().expect("no panic").is_err());
        assert!(matches!(log.accept(b"{}".to_vec()), Err(RecordRefused)));
    }
}
