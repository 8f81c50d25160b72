//! Connections: taken, shaken hands with, served, judged again, and ended.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tower::{Service, ServiceExt as _};

use super::Terms;
use super::client::{Client, Refusal};
use super::handshake::Handshakes;
use super::log::Refusals;
use crate::clock;
use crate::listener::{MAX_HEADERS, MAX_RESETS, MAX_STREAMS};
use crate::metrics::Metrics;

/// Longest life of a connection: what only a handshake looks at is looked at again.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);
/// Lives differ by up to this much, so that connections made at one moment don't all end at one.
const SPREAD: u64 = 60;

/// Serves listed clients over TLS.
pub(crate) struct TlsServer {
    listener: TcpListener,
    terms: watch::Receiver<Arc<Terms>>,
    refusals: Arc<Refusals>,
    /// How long what is in progress may go on when a connection ends.
    grace: Duration,
}

impl TlsServer {
    pub(crate) fn new(
        listener: TcpListener,
        terms: watch::Receiver<Arc<Terms>>,
        metrics: Arc<Metrics>,
        grace: Duration,
    ) -> Self {
        Self { listener, terms, refusals: Arc::new(Refusals::new(metrics)), grace }
    }

    /// Serves `service` until `stopped`, and then what is in progress.
    pub(crate) async fn run<S>(self, service: S, stopped: impl Future<Output = ()>)
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let mut stopped = pin!(stopped);
        let (draining, _) = watch::channel(false);
        let mut handshakes = Handshakes::new(Arc::clone(&self.refusals));
        let mut connections = JoinSet::new();
        let mut number = 0_u64;
        loop {
            tokio::select! {
                () = &mut stopped => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => handshakes.begin(stream, peer, Arc::clone(&self.terms.borrow().config)),
                    // Out of file descriptors, the next attempt would fail as fast and fill a core.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                },
                Some((stream, peer)) = handshakes.next() => {
                    number = number.wrapping_add(1);
                    let connection = Connection {
                        peer,
                        max_age: MAX_AGE.saturating_sub(Duration::from_secs(number % SPREAD)),
                        grace: self.grace,
                        terms: self.terms.clone(),
                        draining: draining.subscribe(),
                        refusals: Arc::clone(&self.refusals),
                    };
                    connections.spawn(connection.serve(stream, service.clone()));
                }
                Some(ended) = connections.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a connection ended badly");
                    }
                }
            }
        }
        drop((self.listener, handshakes));
        // Nobody listens only if no connection is left.
        let _ = draining.send(true);
        while connections.join_next().await.is_some() {}
    }
}

/// One connection of a client whose handshake was good.
struct Connection {
    peer: SocketAddr,
    max_age: Duration,
    grace: Duration,
    terms: watch::Receiver<Arc<Terms>>,
    draining: watch::Receiver<bool>,
    refusals: Arc<Refusals>,
}

impl Connection {
    async fn serve<S>(mut self, stream: TlsStream<TcpStream>, service: S)
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
        S: Clone + Send + 'static,
        S::Future: Send + 'static,
    {
        let chain = chain_of(&stream);
        // What was in force when the handshake began may be in force no longer.
        let client = match self.judge(&chain) {
            Ok(client) => client,
            Err(refusal) => return self.refusals.tell(self.peer, &refusal),
        };
        tracing::debug!(peer = %self.peer, client = %client.id, "connected");
        let end = self.end_of(&client);
        let service =
            TowerToHyperService::new(service.map_request(|request: http::Request<Incoming>| request.map(Body::new)));
        let mut connection = pin!(http2().serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            _ = connection.as_mut() => return,
            // An error means that the server is gone, which is an end as well.
            _ = self.draining.wait_for(|draining| *draining) => {}
            () = sleep_until(end) => {}
            refusal = until_refused(&mut self.terms, &chain) => self.refusals.tell(self.peer, &refusal),
        }
        connection.as_mut().graceful_shutdown();
        // Who does not take its leave in time is left.
        let _ = timeout(self.grace, connection).await;
    }

    fn judge(&mut self, chain: &[CertificateDer<'_>]) -> Result<Client, Refusal> {
        let terms = Arc::clone(&self.terms.borrow_and_update());
        terms.listed.judge_now(chain)
    }

    /// When its time is up, or its certificate's.
    fn end_of(&self, client: &Client) -> Instant {
        let now = Instant::now();
        let left = client.not_after.since(clock::now()).min(self.max_age);
        now.checked_add(left).unwrap_or(now)
    }
}

/// Waits until a change of the terms no longer lets `chain` in.
async fn until_refused(terms: &mut watch::Receiver<Arc<Terms>>, chain: &[CertificateDer<'_>]) -> Refusal {
    loop {
        if terms.changed().await.is_err() {
            // Without their keeper the process is about to end.
            std::future::pending::<()>().await;
        }
        let current = Arc::clone(&terms.borrow_and_update());
        if let Err(refusal) = current.listed.judge_now(chain) {
            return refusal;
        }
    }
}

fn chain_of(stream: &TlsStream<TcpStream>) -> Vec<CertificateDer<'static>> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().map(<[_]>::to_vec).unwrap_or_default()
}

/// With the limits that checks have on any socket.
fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS);
    builder
}
