//! Prometheus metrics: closed label sets, every series there from the start at zero.

mod otlp;
mod tls;

use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use self::otlp::OtlpMetrics;
pub use self::otlp::{OtlpDropped, OtlpSignal};
use self::tls::TlsMetrics;
pub use self::tls::TlsRefused;
use crate::authz::{Reason, Trail, UnixTime};

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    allowed: Counter,
    answered: Counter,
    /// In the order of [`Reason::ALL`].
    refused: Vec<Counter>,
    would_refuse: Vec<Counter>,
    duration: Histogram,
    records_refused: Counter,
    reload_success: Counter,
    reload_failure: Counter,
    /// 1 while the configuration on disk is the one in force.
    config_current: Gauge,
    replay_entries: Gauge,
    replay_available: Gauge,
    replay_failures: Counter,
    revocations: Gauge,
    /// 1 while the revocation list on disk is the one in force.
    revocations_current: Gauge,
    keys: Family<IssuerLabel, Gauge>,
    keys_fetched: Family<IssuerLabel, Gauge>,
    fetches: Family<FetchLabel, Counter>,
    tls: TlsMetrics,
    otlp: OtlpMetrics,
}

/// Counters, each over all its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub allowed: u64,
    pub refused: u64,
    /// Refusals of checks that are only observed; a call may have several.
    pub would_refuse: u64,
    pub answered: u64,
    pub records_refused: u64,
    pub reloads_failed: u64,
    pub replay_failures: u64,
}

/// Issuers come from the configuration, never from a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabel {
    issuer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabel {
    issuer: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabel {
    decision: &'static str,
    reason: &'static str,
    check: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
    check: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hopgate");
        let decisions: Family<DecisionLabel, Counter> = Family::default();
        let would: Family<ReasonLabel, Counter> = Family::default();
        let reloads: Family<ResultLabel, Counter> = Family::default();
        let metrics = Self {
            allowed: decisions.get_or_create_owned(&DecisionLabel { decision: "allow", reason: "", check: "" }),
            answered: decisions.get_or_create_owned(&DecisionLabel { decision: "answer", reason: "", check: "" }),
            refused: per_reason(|reason| {
                let label = DecisionLabel { decision: "deny", reason: reason.code(), check: reason.check().name() };
                decisions.get_or_create_owned(&label)
            }),
            would_refuse: observable_reasons(|reason| {
                would.get_or_create_owned(&ReasonLabel { reason: reason.code(), check: reason.check().name() })
            }),
            // 1 µs to 0.5 s.
            duration: Histogram::new(exponential_buckets(0.000_001, 2.0, 20)),
            records_refused: Counter::default(),
            reload_success: reloads.get_or_create_owned(&ResultLabel { result: "success" }),
            reload_failure: reloads.get_or_create_owned(&ResultLabel { result: "failure" }),
            config_current: Gauge::default(),
            replay_entries: Gauge::default(),
            replay_available: Gauge::default(),
            replay_failures: Counter::default(),
            revocations: Gauge::default(),
            revocations_current: Gauge::default(),
            keys: Family::default(),
            keys_fetched: Family::default(),
            fetches: Family::default(),
            tls: TlsMetrics::new(),
            otlp: OtlpMetrics::new(),
            registry: Registry::default(),
        };
        registry.register("decisions", "Decisions, by reason where refused", decisions);
        registry.register("would_deny", "Calls that a check in observe would have refused", would);
        registry.register_with_unit(
            "decision_duration",
            "Time from request to recorded decision",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "records_refused",
            "Decision records that found no room; their calls were refused",
            metrics.records_refused.clone(),
        );
        registry.register("config_reloads", "Attempts to take a changed configuration", reloads);
        registry.register(
            "config_current",
            "1 while the configuration on disk is in force",
            metrics.config_current.clone(),
        );
        registry.register("replay_entries", "Single-use tokens and proofs remembered", metrics.replay_entries.clone());
        registry.register(
            "replay_store_available",
            "1 while single-use tokens can be claimed",
            metrics.replay_available.clone(),
        );
        registry.register(
            "replay_store_failures",
            "Claims the replay store did not answer; their calls were refused",
            metrics.replay_failures.clone(),
        );
        registry.register("revocations", "Entries of the revocation list in force", metrics.revocations.clone());
        registry.register(
            "revocations_current",
            "1 while the revocation list on disk is in force",
            metrics.revocations_current.clone(),
        );
        registry.register("issuer_keys", "Usable keys of an issuer", metrics.keys.clone());
        registry.register(
            "issuer_keys_fetched_timestamp_seconds",
            "When the keys in force were fetched, unix time",
            metrics.keys_fetched.clone(),
        );
        registry.register("issuer_key_fetches", "Fetches of an issuer's keys", metrics.fetches.clone());
        metrics.tls.register(&mut registry);
        metrics.otlp.register(&mut registry);
        Self { registry, ..metrics }
    }

    pub(crate) fn allowed(&self, trail: &Trail, duration: Duration) {
        self.allowed.inc();
        self.decided(trail, duration);
    }

    /// A call that hopgate answered in the service's place.
    pub(crate) fn answered(&self, trail: &Trail, duration: Duration) {
        self.answered.inc();
        self.decided(trail, duration);
    }

    pub(crate) fn refused(&self, reason: Reason, trail: &Trail, duration: Duration) {
        if let Some(counter) = self.refused.get(reason as usize) {
            counter.inc();
        }
        self.decided(trail, duration);
    }

    fn decided(&self, trail: &Trail, duration: Duration) {
        for reason in trail.would_refuse() {
            if let Some(counter) = self.would_refuse.get(reason as usize) {
                counter.inc();
            }
        }
        self.duration.observe(duration.as_secs_f64());
    }

    pub(crate) fn record_refused(&self) {
        self.records_refused.inc();
    }

    pub(crate) fn reloaded(&self, taken: bool) {
        if taken {
            self.reload_success.inc()
        } else {
            self.reload_failure.inc()
        };
        self.config_current.set(i64::from(taken));
    }

    /// What the replay store says of itself. `failures` counts from the start.
    pub(crate) fn replay_store(&self, entries: Option<usize>, available: bool, failures: u64) {
        self.replay_entries.set(i64::try_from(entries.unwrap_or(0)).unwrap_or(i64::MAX));
        self.replay_available.set(i64::from(available));
        self.replay_failures.inner().store(failures, Ordering::Relaxed);
    }

    /// The revocation list in force, and whether it is the one on disk.
    pub(crate) fn revocations(&self, entries: usize, current: bool) {
        self.revocations.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.revocations_current.set(i64::from(current));
    }

    /// The keys of `issuer` now in force: how many, and when they were had (unix seconds).
    pub(crate) fn keys(&self, issuer: &str, count: usize, fetched: i64) {
        let label = IssuerLabel { issuer: issuer.to_owned() };
        self.keys.get_or_create_owned(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        self.keys_fetched.get_or_create_owned(&label).set(fetched);
    }

    pub(crate) fn key_fetch(&self, issuer: &str, success: bool) {
        let result = if success { "success" } else { "failure" };
        self.fetches.get_or_create_owned(&FetchLabel { issuer: issuer.to_owned(), result }).inc();
    }

    /// The fetch counters of `issuer`, there before anything was fetched.
    pub(crate) fn introduce_issuer(&self, issuer: &str) {
        for result in ["success", "failure"] {
            drop(self.fetches.get_or_create_owned(&FetchLabel { issuer: issuer.to_owned(), result }));
        }
        for gauge in [&self.keys, &self.keys_fetched] {
            drop(gauge.get_or_create_owned(&IssuerLabel { issuer: issuer.to_owned() }));
        }
    }

    /// A client that was not let in, or that was sent away.
    pub(crate) fn tls_refused(&self, refused: TlsRefused) {
        self.tls.refused(refused);
    }

    /// Whether the certificates on disk are the ones in use, and when the server's ends.
    pub(crate) fn tls_certificates(&self, current: bool, not_after: UnixTime) {
        self.tls.certificates(current, not_after);
    }

    /// What a collector took.
    pub(crate) fn otlp_sent(&self, signal: OtlpSignal, items: u64) {
        self.otlp.sent(signal, items);
    }

    /// What none took.
    pub(crate) fn otlp_dropped(&self, signal: OtlpSignal, cause: OtlpDropped, items: u64) {
        self.otlp.dropped(signal, cause, items);
    }

    /// What has been counted so far, for people who look.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let sum = |counters: &[Counter]| counters.iter().map(Counter::get).fold(0, u64::saturating_add);
        Totals {
            allowed: self.allowed.get(),
            refused: sum(&self.refused),
            would_refuse: sum(&self.would_refuse),
            answered: self.answered.get(),
            records_refused: self.records_refused.get(),
            reloads_failed: self.reload_failure.get(),
            replay_failures: self.replay_failures.get(),
        }
    }

    /// Whether the configuration, the revocation list and the replay store are as they should be, in this order.
    #[must_use]
    pub fn in_order(&self) -> [bool; 3] {
        [&self.config_current, &self.revocations_current, &self.replay_available].map(|gauge| gauge.get() == 1)
    }

    /// All metrics in the `OpenMetrics` text format.
    ///
    /// # Errors
    /// Only if formatting fails.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

fn per_reason(make: impl Fn(Reason) -> Counter) -> Vec<Counter> {
    Reason::ALL.iter().copied().map(make).collect()
}

/// As [`per_reason`]; reasons whose check always enforces get a counter that is not registered.
fn observable_reasons(make: impl Fn(Reason) -> Counter) -> Vec<Counter> {
    per_reason(|reason| if reason.check().can_observe() { make(reason) } else { Counter::default() })
}
