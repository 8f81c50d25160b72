//! Where decisions are sent.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::span::Span;

/// A collector of `OpenTelemetry` that gets every decision as a log record, and as a span where its trace is sampled.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Otlp {
    /// Where it takes OTLP over gRPC: `https://`, or `http://` on loopback.
    pub endpoint: String,
    /// PEM certificates to trust, instead of the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// File of headers that open its door, `name: value` on each line.
    #[serde(default)]
    pub headers_file: Option<String>,
    /// Longest time for one request.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    #[serde(default = "yes")]
    pub traces: bool,
    #[serde(default = "yes")]
    pub logs: bool,
    /// Allows `http://` beyond loopback. Whoever is on the way reads it all.
    #[serde(default)]
    pub insecure: bool,
}

fn default_timeout() -> Span {
    Span(Duration::from_secs(5))
}

fn yes() -> bool {
    true
}
