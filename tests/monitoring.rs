//! `k8s/monitoring`: alarms and dashboard, held against Prometheus' own tool and the metrics of a running hopgate.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

mod monitoring {
    mod alerts;
    mod dashboard;
    mod promtool;
    mod scrape;
}
