//! Decisions for a collector of `OpenTelemetry` (OTLP over gRPC): each as a log record, and where its trace is kept as a span.
//!
//! Both are made from the written line, off the path of requests, so they say what the record says and
//! no more. Nothing here slows a decision: what finds no room, or nobody to take it, is dropped and counted.
//! The record on stdout is the one that counts.
//!
//! ```text
//! audit's writer ─▶ Feed ─▶ Made ─┬▶ queue ─▶ ship ─▶ LogsService
//!                                 └▶ queue ─▶ ship ─▶ TraceService
//! ```
//!
//! Without the SDK's exporters: they are for spans that begin and end in the program, with ids of its
//! own, and don't say how many a collector took.

mod connect;
mod made;
mod resource;
mod ship;
mod signal;

use std::sync::Arc;

use thiserror::Error;
use tokio::sync::mpsc::{self, Sender, error::TrySendError};
use tonic::metadata::MetadataMap;

use self::connect::connect;
use self::made::Made;
use self::resource::resource;
use self::ship::Shipper;
use self::signal::{Logs, Signal, Traces};
use crate::audit::{Followed, Following};
use crate::config::OtlpSettings;
use crate::metrics::{Metrics, OtlpDropped, OtlpSignal};

/// Made and not yet taken, for each signal: some 10 MB.
const QUEUE: usize = 4096;

/// Nothing can be sent.
#[derive(Debug, Error)]
#[error("no connection to a collector can be made: {0}")]
pub struct NoCollector(#[from] tonic::transport::Error);

/// Sends what is decided.
#[derive(Debug)]
pub struct Telemetry {
    following: Following,
    logs: Option<Lane<Logs>>,
    traces: Option<Lane<Traces>>,
    metrics: Arc<Metrics>,
}

/// The way of one signal.
#[derive(Debug)]
struct Lane<S: Signal> {
    queue: Sender<S::Item>,
    shipper: Shipper<S>,
}

impl Telemetry {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// [`NoCollector`] where TLS can't be set up.
    pub fn new(settings: &OtlpSettings, following: Following, metrics: Arc<Metrics>) -> Result<Self, NoCollector> {
        let (channel, resource) = (connect(settings)?, resource());
        let headers = MetadataMap::from_headers(settings.headers.clone());
        let logs = settings.logs.then(|| Logs::new(channel.clone(), resource.clone(), headers.clone()));
        let traces = settings.traces.then(|| Traces::new(channel, resource, headers));
        Ok(Self {
            following,
            logs: logs.map(|logs| Lane::new(logs, settings, &metrics)),
            traces: traces.map(|traces| Lane::new(traces, settings, &metrics)),
            metrics,
        })
    }

    /// Runs until nothing is decided any more and all of it was sent or given up.
    pub async fn run(self) {
        let Self { mut following, logs, traces, metrics } = self;
        let (logs_to, logs) = logs.map(Lane::split).unzip();
        let (traces_to, traces) = traces.map(Lane::split).unzip();
        let read = async move {
            while let Some(followed) = following.next().await {
                match followed {
                    Followed::Line(line) => match Made::of(&line) {
                        Some(Made { log, span }) => {
                            offer(logs_to.as_ref(), Some(log), OtlpSignal::Logs, &metrics);
                            offer(traces_to.as_ref(), span, OtlpSignal::Traces, &metrics);
                        }
                        None => missed(1, logs_to.is_some(), traces_to.is_some(), &metrics),
                    },
                    Followed::Missed(lines) => missed(lines, logs_to.is_some(), traces_to.is_some(), &metrics),
                }
            }
        };
        let ship = async { tokio::join!(run(logs), run(traces)) };
        tokio::join!(read, ship);
    }
}

impl<S: Signal> Lane<S> {
    fn new(signal: S, settings: &OtlpSettings, metrics: &Arc<Metrics>) -> Self {
        let (queue, items) = mpsc::channel(QUEUE);
        Self { queue, shipper: Shipper::new(signal, items, settings.timeout, Arc::clone(metrics)) }
    }

    fn split(self) -> (Sender<S::Item>, Shipper<S>) {
        (self.queue, self.shipper)
    }
}

async fn run<S: Signal>(shipper: Option<Shipper<S>>) {
    if let Some(shipper) = shipper {
        shipper.run().await;
    }
}

fn offer<T>(queue: Option<&Sender<T>>, item: Option<T>, signal: OtlpSignal, metrics: &Metrics) {
    let (Some(queue), Some(item)) = (queue, item) else { return };
    match queue.try_send(item) {
        Ok(()) => {}
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => metrics.otlp_dropped(signal, OtlpDropped::Behind, 1),
    }
}

/// Lines that nobody looked at may have been in traces that are not kept; all are counted.
fn missed(lines: u64, logs: bool, traces: bool, metrics: &Metrics) {
    for (on, signal) in [(logs, OtlpSignal::Logs), (traces, OtlpSignal::Traces)] {
        if on {
            metrics.otlp_dropped(signal, OtlpDropped::Behind, lines);
        }
    }
}
