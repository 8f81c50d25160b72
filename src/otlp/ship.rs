//! Batches of one signal on their way.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::{Code, Status};

use super::lane::Waiting;
use super::made::Made;
use super::signal::Signal;
use crate::audit::clean;
use crate::metrics::{Metrics, OtlpDropped};

/// Most items of a request.
const MAX_ITEMS: usize = 512;
/// A request with so many bytes is full. A collector takes 4 MiB by default, and a call can make its record long.
const MAX_BYTES: usize = 1024 * 1024;
/// How long an item waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// How often a request is tried, and the pause before the second time, doubled each time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Shipper<S: Signal> {
    signal: S,
    lines: Receiver<Waiting>,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// Whether the last request was taken; a change is logged.
    taken: bool,
}

/// How a request ended that was not taken.
enum Lost {
    /// The collector does not want it.
    Refused(Status),
    /// Nobody answered, or asked to come again, each time.
    Unreachable(Status),
}

impl<S: Signal> Shipper<S> {
    pub(super) fn new(signal: S, lines: Receiver<Waiting>, timeout: Duration, metrics: Arc<Metrics>) -> Self {
        Self { signal, lines, timeout, metrics, taken: true }
    }

    /// Until nothing more can come.
    pub(super) async fn run(mut self) {
        while let Some(batch) = self.batch().await {
            self.send(batch).await;
        }
    }

    async fn batch(&mut self) -> Option<Vec<S::Item>> {
        let first = self.next().await?;
        let full = Instant::now().checked_add(LINGER)?;
        let mut bytes = first.encoded_len();
        let mut batch = vec![first];
        while batch.len() < MAX_ITEMS && bytes < MAX_BYTES {
            // Late, or the end.
            let Ok(Some(item)) = timeout_at(full, self.next()).await else { break };
            bytes = bytes.saturating_add(item.encoded_len());
            batch.push(item);
        }
        Some(batch)
    }

    /// What is next to be sent. A line that is no decision, and a decision of which nothing is, makes room.
    async fn next(&mut self) -> Option<S::Item> {
        loop {
            let waiting = self.lines.recv().await?;
            if let Some(item) = Made::of(&waiting.line).and_then(S::of) {
                return Some(item);
            }
        }
    }

    async fn send(&mut self, batch: Vec<S::Item>) {
        let all = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        match self.tries(&batch).await {
            Ok(rejected) => {
                let rejected = rejected.min(all);
                self.metrics.otlp_dropped(S::NAME, OtlpDropped::Refused, rejected);
                self.metrics.otlp_sent(S::NAME, all.saturating_sub(rejected));
            }
            Err(Lost::Refused(status)) => self.lost(OtlpDropped::Refused, all, &status),
            Err(Lost::Unreachable(status)) => self.lost(OtlpDropped::Unreachable, all, &status),
        }
    }

    /// How many of it were rejected.
    async fn tries(&mut self, batch: &[S::Item]) -> Result<u64, Lost> {
        let mut pause = PAUSE;
        for left in (0..TRIES).rev() {
            let answer = timeout(self.timeout, self.signal.export(batch.to_vec())).await;
            match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("no answer in time"))) {
                Ok(rejected) => {
                    let why = clean(&rejected.why);
                    if rejected.items > 0 {
                        tracing::warn!(signal = S::NAME.name(), items = rejected.items, %why, "the collector rejected some");
                    } else if !self.taken {
                        tracing::info!(signal = S::NAME.name(), "the collector takes telemetry again");
                    }
                    self.taken = true;
                    return Ok(rejected.items);
                }
                Err(status) if !may_pass(status.code()) => return Err(Lost::Refused(status)),
                Err(status) if left == 0 => return Err(Lost::Unreachable(status)),
                Err(_) => {
                    sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
            }
        }
        Ok(0)
    }

    fn lost(&mut self, why: OtlpDropped, items: u64, status: &Status) {
        self.metrics.otlp_dropped(S::NAME, why, items);
        if std::mem::replace(&mut self.taken, false) {
            let (code, why) = (format!("{:?}", status.code()), clean(status.message()));
            tracing::warn!(signal = S::NAME.name(), %code, %why, "the collector takes no telemetry; it is dropped and counted until it does");
        }
    }
}

/// As OTLP has it. `RESOURCE_EXHAUSTED` as well: what it says of when to come again is about the same.
fn may_pass(code: Code) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss
        | Code::ResourceExhausted => true,
        Code::Ok
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Unimplemented
        | Code::Internal
        | Code::Unauthenticated => false,
    }
}
