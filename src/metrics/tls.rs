//! Metrics of serving over TLS.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::authz::UnixTime;

/// Why a client was not let in, or was sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsRefused {
    /// What came was not TLS.
    NotTls,
    /// TLS that is not spoken here: its version, its ciphers, or a fault in it.
    Protocol,
    /// It did not agree to HTTP/2 (ALPN).
    NoHttp2,
    /// It does not take our certificate.
    ClientAlert,
    /// The handshake took too long.
    Timeout,
    /// The handshake made room for a later one.
    CrowdedOut,
    /// It went away during the handshake.
    Disconnected,
    CertificateMissing,
    /// Of an authority that is not in `client_ca_file`.
    CertificateUntrusted,
    /// No longer or not yet good.
    CertificateExpired,
    /// Not fit for a client, or not readable.
    CertificateInvalid,
    /// Not of a workload: it has not exactly one URI that is a SPIFFE id, or may sign others.
    SpiffeIdInvalid,
    /// Not in `clients`.
    ClientUnlisted,
}

impl TlsRefused {
    pub const ALL: [Self; 13] = [
        Self::NotTls,
        Self::Protocol,
        Self::NoHttp2,
        Self::ClientAlert,
        Self::Timeout,
        Self::CrowdedOut,
        Self::Disconnected,
        Self::CertificateMissing,
        Self::CertificateUntrusted,
        Self::CertificateExpired,
        Self::CertificateInvalid,
        Self::SpiffeIdInvalid,
        Self::ClientUnlisted,
    ];

    /// Its name in metrics and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotTls => "not_tls",
            Self::Protocol => "protocol",
            Self::NoHttp2 => "no_http2",
            Self::ClientAlert => "client_alert",
            Self::Timeout => "timeout",
            Self::CrowdedOut => "crowded_out",
            Self::Disconnected => "disconnected",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateUntrusted => "certificate_untrusted",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateInvalid => "certificate_invalid",
            Self::SpiffeIdInvalid => "spiffe_id_invalid",
            Self::ClientUnlisted => "client_unlisted",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabel {
    reason: &'static str,
}

#[derive(Debug)]
pub(super) struct TlsMetrics {
    family: Family<RefusedLabel, Counter>,
    /// In the order of [`TlsRefused::ALL`].
    refused: Vec<Counter>,
    current: Gauge,
    not_after: Gauge,
}

impl TlsMetrics {
    pub(super) fn new() -> Self {
        let family: Family<RefusedLabel, Counter> = Family::default();
        let refused = TlsRefused::ALL
            .iter()
            .map(|refused| family.get_or_create_owned(&RefusedLabel { reason: refused.code() }))
            .collect();
        let current = Gauge::default();
        // Without TLS there is nothing that could differ.
        current.set(1);
        Self { family, refused, current, not_after: Gauge::default() }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("tls_refused", "Clients that were not let in or sent away", self.family.clone());
        registry.register("tls_current", "1 while the certificates on disk are in use", self.current.clone());
        registry.register(
            "tls_certificate_not_after_timestamp_seconds",
            "When the server's certificate in use ends, unix time; 0 without TLS",
            self.not_after.clone(),
        );
    }

    pub(super) fn refused(&self, refused: TlsRefused) {
        if let Some(counter) = self.refused.get(refused as usize) {
            counter.inc();
        }
    }

    pub(super) fn certificates(&self, current: bool, not_after: UnixTime) {
        self.current.set(i64::from(current));
        self.not_after.set(not_after.as_secs());
    }
}
