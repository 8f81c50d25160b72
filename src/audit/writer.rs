//! The bounded writer of decision records.
//!
//! A record is accepted or refused at once, never waited for: a call must not hang because
//! somebody does not read the log. Refusals may fill half of the room only, so that a flood of
//! calls that are refused anyway does not take the records of good ones. What is accepted is written in order by one thread, numbered
//! and chained: `seq` counts, `prev` is the SHA-256 of the line before. A refused record (its
//! call is refused too) leaves a gap in `seq`.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aws_lc_rs::digest;
use thiserror::Error;

use super::feed::Feed;
use super::record::hex;

/// Most bytes gathered for one write.
const BATCH: usize = 64 * 1024;
/// Pause after a write that emptied the queue. A writer that waits on the queue itself has to be woken for nearly every
/// record, which cost the request path more than making the record did; one that comes by itself
/// finds many. The queue must hold what arrives meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// Pause between two tries to write to a full disk.
const RETRY: Duration = Duration::from_millis(250);

/// Most bytes of records waiting.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Where records are handed in. Clones share one writer.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: SyncSender<Message>,
    /// Records that may wait.
    capacity: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum Message {
    Record(Line),
    /// Nothing comes after it.
    End,
}

/// An accepted record.
#[derive(Debug)]
struct Line {
    json: Vec<u8>,
    /// How many were refused before it.
    gap: u64,
}

#[derive(Debug, Default)]
struct Shared {
    /// Records that found no room since the last one that did.
    refused: AtomicU64,
    /// Records waiting, and their bytes.
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
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
}

impl AuditLog {
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
    fn took(&self, records: usize, bytes: usize) {
        self.waiting.fetch_sub(records, Ordering::AcqRel);
        self.waiting_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// Starts the writer of `sink`, with room for `capacity` records; what is written goes to `feed`, too.
/// The thread ends when the last [`AuditLog`] is gone and all is written, or with the error that stopped it.
///
/// # Errors
/// The thread could not be started.
pub fn start(
    sink: impl Write + Send + 'static,
    capacity: usize,
    feed: Feed,
) -> io::Result<(AuditLog, JoinHandle<io::Result<()>>)> {
    let (queue, lines) = sync_channel(capacity);
    let shared = Arc::new(Shared::default());
    let writer = Writer { sink, feed, shared: Arc::clone(&shared), seq: 0, prev: [0; 32], batch: Vec::new() };
    let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&lines))?;
    Ok((AuditLog { queue, capacity, shared }, thread))
}

/// Why a batch was written.
enum After {
    /// It was large enough; more may wait.
    Batch,
    Emptied,
    End,
}

struct Writer<W> {
    sink: W,
    feed: Feed,
    shared: Arc<Shared>,
    seq: u64,
    prev: [u8; 32],
    batch: Vec<u8>,
}

impl<W: Write> Writer<W> {
    fn run(mut self, lines: &Receiver<Message>) -> io::Result<()> {
        let result = self.write_all(lines);
        if result.is_err() {
            self.shared.broken.store(true, Ordering::Release);
        }
        result
    }

    fn write_all(&mut self, lines: &Receiver<Message>) -> io::Result<()> {
        while let Ok(Message::Record(line)) = lines.recv() {
            self.append(&line);
            let after = loop {
                if self.batch.len() >= BATCH {
                    break After::Batch;
                }
                match lines.try_recv() {
                    Ok(Message::Record(line)) => self.append(&line),
                    Ok(Message::End) => break After::End,
                    Err(_) => break After::Emptied,
                }
            };
            self.write_batch()?;
            match after {
                After::Batch => {}
                After::Emptied => thread::sleep(PAUSE),
                After::End => break,
            }
        }
        Ok(())
    }

    /// Writes the batch whole. A full disk may be emptied: until then every call is refused and the
    /// write tried again. A sink that is gone for good ends the writer, and with it the process.
    fn write_batch(&mut self) -> io::Result<()> {
        let mut written = 0;
        while let Some(rest) = self.batch.get(written..).filter(|rest| !rest.is_empty()) {
            match self.sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => {
                    written = written.saturating_add(more);
                    self.shared.broken.store(false, Ordering::Release);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if may_pass(error.kind()) => {
                    if !self.shared.broken.swap(true, Ordering::AcqRel) {
                        tracing::error!(%error, "decision records can't be written now; every call is refused until they can");
                    }
                    thread::sleep(RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        self.feed.publish(&self.batch);
        self.batch.clear();
        self.sink.flush()
    }

    /// Adds `line` with its number and its link to the line before.
    fn append(&mut self, line: &Line) {
        self.shared.took(1, line.json.len());
        self.seq = self.seq.saturating_add(1).saturating_add(line.gap);
        let start = self.batch.len();
        self.batch.extend_from_slice(line.json.strip_suffix(b"}").unwrap_or(&line.json));
        let tail = format!(",\"seq\":{},\"prev\":\"{}\"}}", self.seq, hex(&self.prev));
        self.batch.extend_from_slice(tail.as_bytes());
        let written = self.batch.get(start..).unwrap_or_default();
        self.prev.copy_from_slice(digest::digest(&digest::SHA256, written).as_ref());
        self.batch.push(b'\n');
    }
}

fn may_pass(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull, WouldBlock};
    matches!(kind, StorageFull | QuotaExceeded | WouldBlock)
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
        let (log, thread) = start(sink.clone(), 16, Feed::new(0)).expect("a thread");
        for n in 0..5 {
            let _receipt = log.accept(format!("{{\"n\":{n}}}").into_bytes(), false).expect("room");
        }
        drop(log);
        thread.join().expect("no panic").expect("written");
        let text = String::from_utf8(sink.0.lock().expect("unpoisoned").clone()).expect("UTF-8");
        let mut prev = hex(&[0; 32]);
        for (n, line) in text.lines().enumerate() {
            let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((record["n"].as_u64(), record["seq"].as_u64()), (Some(n as u64), Some(n as u64 + 1)));
            assert_eq!(record["prev"], prev);
            prev = hex(digest::digest(&digest::SHA256, line.as_bytes()).as_ref());
        }
        assert_eq!(text.lines().count(), 5);
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_leaves_a_gap() {
        let (go, wait) = mpsc::channel();
        let (log, _thread) = start(Stuck(wait), 2, Feed::new(0)).expect("a thread");
        let refused = (0..10).filter(|_| log.accept(b"{}".to_vec(), false).is_err()).count();
        assert!(refused >= 7, "two wait, one may be in the writer's hands: {refused}");
        drop(go);
    }

    #[test]
    fn refusals_leave_half_of_the_room_to_allows() {
        let (_go, wait) = mpsc::channel();
        let (log, _thread) = start(Stuck(wait), 8, Feed::new(0)).expect("a thread");
        while log.accept(b"{}".to_vec(), true).is_ok() {}
        for _ in 0..3 {
            let _receipt = log.accept(b"{}".to_vec(), false).expect("room for an allow");
            assert!(matches!(log.accept(b"{}".to_vec(), true), Err(RecordRefused)));
        }
    }

    /// Full for as long as it is told so.
    struct Disk(Sink, Arc<AtomicBool>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1.load(Ordering::Acquire) { Err(io::ErrorKind::StorageFull.into()) } else { self.0.write(bytes) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_refuses_and_loses_nothing_that_was_accepted() {
        let (sink, full) = (Sink::default(), Arc::new(AtomicBool::new(true)));
        let (log, thread) = start(Disk(sink.clone(), Arc::clone(&full)), 16, Feed::new(0)).expect("a thread");
        let _receipt = log.accept(b"{}".to_vec(), false).expect("room");
        while !log.shared.broken.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert!(matches!(log.accept(b"{}".to_vec(), false), Err(RecordRefused)));
        full.store(false, Ordering::Release);
        log.close();
        thread.join().expect("no panic").expect("written");
        let text = String::from_utf8(sink.0.lock().expect("unpoisoned").clone()).expect("UTF-8");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_broken_sink_refuses_every_later_record() {
        let (go, wait) = mpsc::channel::<()>();
        drop(go);
        let (log, thread) = start(Stuck(wait), 16, Feed::new(0)).expect("a thread");
        let _ = log.accept(b"{}".to_vec(), false);
        assert!(thread.join().expect("no panic").is_err());
        assert!(matches!(log.accept(b"{}".to_vec(), false), Err(RecordRefused)));
    }
}
