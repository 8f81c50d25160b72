//! Metrics of what is sent to a collector.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpSignal {
    Logs,
    Traces,
}

/// Why something was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpDropped {
    /// More was decided than was taken, and it found no room.
    Behind,
    /// The collector did not want it.
    Refused,
    /// Nobody took it, however often it was tried.
    Unreachable,
}

impl OtlpSignal {
    pub const ALL: [Self; 2] = [Self::Logs, Self::Traces];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
        }
    }
}

impl OtlpDropped {
    pub const ALL: [Self; 3] = [Self::Behind, Self::Refused, Self::Unreachable];

    /// Its name in metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SentLabel {
    signal: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabel {
    signal: &'static str,
    cause: &'static str,
}

#[derive(Debug)]
pub(super) struct OtlpMetrics {
    sent: Family<SentLabel, Counter>,
    dropped: Family<DroppedLabel, Counter>,
}

impl OtlpMetrics {
    pub(super) fn new() -> Self {
        let metrics = Self { sent: Family::default(), dropped: Family::default() };
        for signal in OtlpSignal::ALL {
            metrics.sent(signal, 0);
            for cause in OtlpDropped::ALL {
                metrics.dropped(signal, cause, 0);
            }
        }
        metrics
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("otlp_sent", "Decisions that a collector took", self.sent.clone());
        registry.register("otlp_dropped", "Decisions that no collector took", self.dropped.clone());
    }

    pub(super) fn sent(&self, signal: OtlpSignal, items: u64) {
        self.sent.get_or_create_owned(&SentLabel { signal: signal.name() }).inc_by(items);
    }

    pub(super) fn dropped(&self, signal: OtlpSignal, cause: OtlpDropped, items: u64) {
        let label = DroppedLabel { signal: signal.name(), cause: cause.code() };
        self.dropped.get_or_create_owned(&label).inc_by(items);
    }
}
