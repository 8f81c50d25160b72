use std::path::PathBuf;

/// A workload's own certificate, as PEM files.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The leaf first, with its SPIFFE id as URI SAN.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Mutual TLS by SPIFFE: who we are, and whom we take for a peer.
#[derive(Clone, Debug)]
pub struct Mtls {
    pub identity: Identity,
    /// The only trust domain whose peers pass, such as `demo.local`.
    pub trust_domain: String,
    /// The CA certificates of that trust domain, as a PEM file.
    pub trust_bundle: PathBuf,
    /// The SPIFFE ids a peer may have; empty for any of the trust domain.
    pub peers: Vec<String>,
    /// False leaves the versions to Envoy, which as a client stops at 1.2.
    pub only_1_3: bool,
}

impl Mtls {
    /// Any peer of `trust_domain`.
    #[must_use]
    pub fn new(identity: Identity, trust_domain: impl Into<String>, trust_bundle: impl Into<PathBuf>) -> Self {
        Self {
            identity,
            trust_domain: trust_domain.into(),
            trust_bundle: trust_bundle.into(),
            peers: Vec::new(),
            only_1_3: true,
        }
    }

    /// Only the peer with the SPIFFE id `peer`: what a client says of its server.
    #[must_use]
    pub fn only(mut self, peer: impl Into<String>) -> Self {
        self.peers.push(peer.into());
        self
    }
}
