//! The socket that checks come in by, and how they are served on it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tower::Layer as _;

use super::{Parts, ServeError, outcome};
use crate::config::{Listen, Settings, TlsSettings};
use crate::envoy::SealLayer;
use crate::listener::{Listener, MAX_HEADERS, MAX_RESETS, MAX_STREAMS};
use crate::tls::{self, TlsServer};

/// Longest time for what is in progress when a connection ends, but for a second.
const MAX_GRACE: Duration = Duration::from_secs(5);

/// A bound socket with all that serving on it needs: beyond loopback there is none without TLS.
pub(super) enum Door {
    Unix(UnixListener),
    Loopback(TcpListener),
    /// And who keeps its certificates.
    Tls(TlsServer, tls::Keeper),
}

impl Door {
    /// The door that `listener` is.
    pub(super) fn new(listener: Listener, settings: &Settings, parts: &Parts) -> Result<Self, ServeError> {
        match listener {
            Listener::Unix(listener) => Ok(Self::Unix(listener)),
            Listener::Loopback(listener) => Ok(Self::Loopback(listener)),
            Listener::Tcp(listener) => {
                let (Listen::Tcp { tls: files, .. }, Some(TlsSettings { material: Ok(material), .. })) =
                    (&settings.process.listen, &settings.tls)
                else {
                    // `config::load` lets none pass without.
                    return Err(ServeError::Tls("there are no good certificates".to_owned()));
                };
                let (live, metrics) = (Arc::clone(&parts.live), Arc::clone(&parts.metrics));
                let keeper = tls::Keeper::new(files.clone(), Arc::clone(material), live, metrics)
                    .map_err(|error| ServeError::Tls(error.to_string()))?;
                // A check in progress is answered by its deadline. Who is sent away and does not go must
                // not ask on for longer than it takes to take notice.
                let grace = settings.process.deadline.min(MAX_GRACE).saturating_add(Duration::from_secs(1));
                let server = TlsServer::new(listener, keeper.terms(), Arc::clone(&parts.metrics), grace);
                Ok(Self::Tls(server, keeper))
            }
        }
    }

    /// Serves `services`, sealed, until `stopped` and the end of what is in progress then.
    pub(super) async fn serve(self, services: Routes, seal: SealLayer, stopped: impl Future<Output = ()>) -> String {
        let plain = tonic::transport::Server::builder()
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADERS)
            .http2_max_pending_accept_reset_streams(Some(MAX_RESETS))
            .http2_max_local_error_reset_streams(Some(MAX_RESETS));
        match self {
            Self::Unix(listener) => {
                let incoming = patient(UnixListenerStream::new(listener));
                let router = plain.layer(seal).add_routes(services);
                outcome(router.serve_with_incoming_shutdown(incoming, stopped).await)
            }
            Self::Loopback(listener) => {
                let incoming = patient(TcpIncoming::from(listener).with_nodelay(Some(true)));
                let router = plain.layer(seal).add_routes(services);
                outcome(router.serve_with_incoming_shutdown(incoming, stopped).await)
            }
            Self::Tls(server, keeper) => {
                tokio::select! {
                    () = server.run(seal.layer(services.prepare()), stopped) => outcome(Ok::<_, io::Error>(())),
                    kept = keeper.run() => format!("its certificates are kept no longer: {}", outcome(kept)),
                }
            }
        }
    }
}

/// Connections as they come, with a pause after one that could not be taken: out of file
/// descriptors, the next attempt would fail as fast and fill a core.
fn patient<C>(incoming: impl Stream<Item = io::Result<C>>) -> impl Stream<Item = io::Result<C>> {
    incoming.then(async |connection| {
        if connection.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        connection
    })
}
