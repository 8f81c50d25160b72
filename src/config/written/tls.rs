//! Serving beyond this machine, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Serving over TLS, and who may ask. Needed where `listen` is an address beyond loopback.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the server's certificate and those between it and its CA, the server's first.
    /// Relative to the configuration file, like the next two; looked at twice a second.
    #[schemars(length(min = 1))]
    pub certificate_file: String,
    /// PEM file of its private key.
    #[schemars(length(min = 1))]
    pub key_file: String,
    /// PEM file of the certificate authorities of the clients. Each is believed about every one of `clients`.
    #[schemars(length(min = 1))]
    pub client_ca_file: String,
    /// SPIFFE ids of the Envoys that may ask, each in full.
    #[schemars(length(min = 1))]
    pub clients: Vec<String>,
}
