//! Decisions for a collector of `OpenTelemetry` (OTLP over gRPC): each as a log record, and where its trace is kept as a span.
//!
//! Both are made from the written line, off the path of requests, so they say what the record says and
//! no more. Nothing here slows a decision: what finds no room, or nobody to take it, is dropped and counted.
//! The record on stdout is the one that counts.
//!
//! ```text
//! audit's writer ─▶ Feed ─┬▶ Lane ─▶ Made ─▶ Shipper ─▶ LogsService
//!                         └▶ Lane ─▶ Made ─▶ Shipper ─▶ TraceService
//! ```
//!
//! Without the SDK's exporters: they are for spans that begin and end in the program, with ids of its
//! own, and don't say how many a collector took.

mod connect;
mod lane;
mod made;
mod resource;
mod ship;
mod signal;

use std::sync::Arc;

use thiserror::Error;
use tonic::metadata::MetadataMap;

use self::connect::connect;
use self::lane::Lane;
use self::resource::resource;
use self::ship::Shipper;
use self::signal::{Logs, Signal, Traces};
use crate::audit::{Followed, Following};
use crate::config::OtlpSettings;
use crate::metrics::Metrics;

/// Nothing can be sent.
#[derive(Debug, Error)]
#[error("no connection to a collector can be made: {0}")]
pub struct NoCollector(#[from] tonic::transport::Error);

/// Sends what is decided.
#[derive(Debug)]
pub struct Telemetry {
    following: Following,
    lanes: Vec<Lane>,
    logs: Option<Shipper<Logs>>,
    traces: Option<Shipper<Traces>>,
}

impl Telemetry {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// [`NoCollector`] where TLS can't be set up.
    pub fn new(settings: &OtlpSettings, following: Following, metrics: &Arc<Metrics>) -> Result<Self, NoCollector> {
        let (channel, resource) = (connect(settings)?, resource());
        let headers = MetadataMap::from_headers(settings.headers.clone());
        let logs = settings.logs.then(|| Logs::new(channel.clone(), resource.clone(), headers.clone()));
        let traces = settings.traces.then(|| Traces::new(channel, resource, headers));
        let mut lanes = Vec::new();
        let logs = logs.map(|logs| shipper(logs, settings, metrics, &mut lanes));
        let traces = traces.map(|traces| shipper(traces, settings, metrics, &mut lanes));
        Ok(Self { following, lanes, logs, traces })
    }

    /// Runs until nothing is decided any more and all of it was sent or given up.
    pub async fn run(self) {
        let Self { mut following, mut lanes, logs, traces } = self;
        let read = async move {
            while let Some(followed) = following.next().await {
                for lane in &mut lanes {
                    match &followed {
                        Followed::Line(line) => lane.offer(line),
                        Followed::Missed(lines) => lane.missed(*lines),
                    }
                }
            }
        };
        tokio::join!(read, run(logs), run(traces));
    }
}

fn shipper<S: Signal>(signal: S, settings: &OtlpSettings, metrics: &Arc<Metrics>, lanes: &mut Vec<Lane>) -> Shipper<S> {
    let (lane, waiting) = Lane::new(S::NAME, Arc::clone(metrics));
    lanes.push(lane);
    Shipper::new(signal, waiting, settings.timeout, Arc::clone(metrics))
}

async fn run<S: Signal>(shipper: Option<Shipper<S>>) {
    if let Some(shipper) = shipper {
        shipper.run().await;
    }
}
