//! The writer of decision records: one thread writes what the queue has, in order, numbered and chained.
//!
//! `seq` counts, `prev` is the SHA-256 of the line before. A refused record (its call is refused
//! too) leaves a gap in `seq`. Checkpoints are lines of the chain.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::chain::{Head, StateFile};
use super::checkpoint::Checkpoints;
use super::feed::Feed;
use super::queue::{AuditLog, Line, Message, Shared, queue};

/// Most bytes gathered for one write.
const BATCH: usize = 64 * 1024;
/// Pause after a write that emptied the queue. A writer that waits on the queue itself has to be woken for nearly every
/// record, which cost the request path more than making the record did; one that comes by itself
/// finds many. The queue must hold what arrives meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// Pause between two tries to write to a full disk.
const RETRY: Duration = Duration::from_millis(250);

/// How records are written.
#[derive(Debug)]
pub struct Writing {
    /// Records that may wait.
    pub capacity: usize,
    /// Gets what is written.
    pub feed: Feed,
    /// Without it each process begins a chain.
    pub state: Option<StateFile>,
    pub checkpoints: Option<Checkpoints>,
}

/// Starts the writer of `sink`.
/// The thread ends when the last [`AuditLog`] is gone and all is written, or with the error that stopped it.
///
/// # Errors
/// The thread could not be started.
pub fn start(
    sink: impl Write + Send + 'static,
    writing: Writing,
) -> io::Result<(AuditLog, JoinHandle<io::Result<()>>)> {
    let Writing { capacity, feed, state, checkpoints } = writing;
    let (log, lines) = queue(capacity);
    let shared = Arc::clone(&log.shared);
    let head = state.as_ref().map_or_else(Head::none, StateFile::head);
    let writer = Writer { sink, feed, shared, head, state, checkpoints, batch: Vec::new() };
    let thread = thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&lines))?;
    Ok((log, thread))
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
    /// What the batch ends with, or where it is empty, what was written.
    head: Head,
    state: Option<StateFile>,
    checkpoints: Option<Checkpoints>,
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
        loop {
            match self.next(lines) {
                Ok(Message::Record(line)) => self.append(&line),
                Err(RecvTimeoutError::Timeout) => {
                    self.write_checkpoint(false)?;
                    continue;
                }
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
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
            self.write_records()?;
            match after {
                After::Batch => {}
                After::Emptied => thread::sleep(PAUSE),
                After::End => break,
            }
        }
        if self.checkpoints.as_ref().is_some_and(Checkpoints::is_due_at_the_end) {
            self.write_checkpoint(true)?;
        }
        Ok(())
    }

    /// What comes next, or that a checkpoint is due.
    fn next(&self, lines: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.wait(Instant::now())) {
            // Also where something has come: records that never end must not put it off.
            Some(Duration::ZERO) => Err(RecvTimeoutError::Timeout),
            Some(wait) => lines.recv_timeout(wait),
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn write_records(&mut self) -> io::Result<()> {
        self.write_batch()?;
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.wrote(Instant::now());
        }
        Ok(())
    }

    fn write_checkpoint(&mut self, end: bool) -> io::Result<()> {
        let Some(checkpoints) = &mut self.checkpoints else { return Ok(()) };
        let line = checkpoints.sign(&self.head, end)?;
        self.head.append(&line, 0, &mut self.batch);
        self.write_batch()
    }

    /// Writes the batch whole, and before it how it ends.
    fn write_batch(&mut self) -> io::Result<()> {
        let Self { sink, shared, head, state, batch, .. } = self;
        if let Some(state) = state {
            insist(shared, || state.keep(head))?;
        }
        let mut written = 0;
        while let Some(rest) = batch.get(written..).filter(|rest| !rest.is_empty()) {
            match insist(shared, || sink.write(rest))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                more => written = written.saturating_add(more),
            }
        }
        self.feed.publish(&self.batch);
        self.batch.clear();
        self.sink.flush()
    }

    /// Adds `line` with its number and its link to the line before.
    fn append(&mut self, line: &Line) {
        self.shared.took(1, line.json.len());
        self.head.append(&line.json, line.gap, &mut self.batch);
    }
}

/// A full disk may be emptied: until then every call is refused and the write tried again. What is gone
/// for good ends the writer, and with it the process.
fn insist<T>(shared: &Shared, mut write: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match write() {
            Ok(done) => {
                shared.broken.store(false, Ordering::Release);
                return Ok(done);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if may_pass(error.kind()) => {
                if !shared.broken.swap(true, Ordering::AcqRel) {
                    tracing::error!(%error, "decision records can't be written now; every call is refused until they can");
                }
                thread::sleep(RETRY);
            }
            Err(error) => return Err(error),
        }
    }
}

fn may_pass(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull, WouldBlock};
    matches!(kind, StorageFull | QuotaExceeded | WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::mpsc;
    use std::sync::{Mutex, PoisonError};

    use aws_lc_rs::digest;

    use super::super::queue::RecordRefused;
    use super::super::record::hex;
    use super::*;

    fn writing(capacity: usize) -> Writing {
        Writing { capacity, feed: Feed::new(0), state: None, checkpoints: None }
    }

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
        let (log, thread) = start(sink.clone(), writing(16)).expect("a thread");
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
        let (log, _thread) = start(Stuck(wait), writing(2)).expect("a thread");
        let refused = (0..10).filter(|_| log.accept(b"{}".to_vec(), false).is_err()).count();
        assert!(refused >= 7, "two wait, one may be in the writer's hands: {refused}");
        drop(go);
    }

    #[test]
    fn refusals_leave_half_of_the_room_to_allows() {
        let (_go, wait) = mpsc::channel();
        let (log, _thread) = start(Stuck(wait), writing(8)).expect("a thread");
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
        let (log, thread) = start(Disk(sink.clone(), Arc::clone(&full)), writing(16)).expect("a thread");
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
        let (log, thread) = start(Stuck(wait), writing(16)).expect("a thread");
        let _ = log.accept(b"{}".to_vec(), false);
        assert!(thread.join().expect("no panic").is_err());
        assert!(matches!(log.accept(b"{}".to_vec(), false), Err(RecordRefused)));
    }
}
