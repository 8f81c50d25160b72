//! The connection to a collector.

use std::time::Duration;

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Error};

use crate::config::OtlpSettings;

/// How often a quiet collector must show that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// A connection that is made when it is needed, and anew when it was lost.
pub(super) fn connect(settings: &OtlpSettings) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(settings.endpoint.to_string())?
        .connect_timeout(settings.timeout)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .user_agent(concat!("hopgate/", env!("CARGO_PKG_VERSION")))?;
    let endpoint = if settings.endpoint.scheme() == "https" {
        let tls = ClientTlsConfig::new();
        endpoint.tls_config(match &settings.ca_pem {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.with_native_roots(),
        })?
    } else {
        endpoint
    };
    Ok(endpoint.connect_lazy())
}
