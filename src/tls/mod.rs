//! Serving checks beyond this machine: over TLS, to clients whose SPIFFE id is listed.
//!
//! Whoever can ask could use up single-use tokens or probe the rules, so nobody is heard before the
//! handshake has shown who it is ([`client`]). [`keeper`] follows the files and the list, and every
//! change judges anew who is connected; [`server`] does the rest.

mod client;
mod handshake;
mod keeper;
mod log;
mod server;

use std::collections::HashSet;
use std::sync::Arc;

use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::SingleCertAndKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use self::client::Listed;
pub(crate) use self::keeper::Keeper;
pub(crate) use self::server::TlsServer;
use crate::authz::SpiffeId;
use crate::config::{TlsMaterial, provider};

/// What a connection is served by: swapped whole.
#[derive(Debug)]
pub(crate) struct Terms {
    material: Arc<TlsMaterial>,
    listed: Arc<Listed>,
    config: Arc<ServerConfig>,
}

impl Terms {
    /// # Errors
    /// The provider has no cipher for these versions, which it has.
    fn new(material: Arc<TlsMaterial>, clients: Arc<HashSet<SpiffeId>>) -> Result<Self, rustls::Error> {
        let listed = Arc::new(Listed { client_ca: Arc::clone(&material.client_ca), clients });
        let mut config = ServerConfig::builder_with_provider(provider())
            // 1.2 because Envoy as a client stops there unless told.
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_client_cert_verifier(Arc::clone(&listed) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&material.certified))));
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session is not judged again: who was taken from the list would come back with it.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self { material, listed, config: Arc::new(config) })
    }
}
