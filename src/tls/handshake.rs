//! Handshakes, which strangers can begin: beside the loop that takes connections, in bounded number
//! and time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::client::Refusal;
use super::log::Refusals;
use crate::metrics::TlsRefused;

const PATIENCE: Duration = Duration::from_secs(5);
/// Handshakes at once. Beyond it the oldest is ended: one that is meant takes milliseconds, so the
/// oldest is hardly ever one, and those who keep silent can't keep others out.
const MOST: u64 = 256;
/// And never more than this part of the file descriptors, which others need too.
const SHARE: u64 = 4;

type Shaken = (SocketAddr, Result<TlsStream<TcpStream>, Refusal>);

/// Those in progress.
pub(super) struct Handshakes {
    tasks: JoinSet<Shaken>,
    oldest_first: VecDeque<(AbortHandle, SocketAddr)>,
    most: usize,
    refusals: Arc<Refusals>,
}

impl Handshakes {
    pub(super) fn new(refusals: Arc<Refusals>) -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = usize::try_from(MOST.min(descriptors / SHARE)).unwrap_or(1);
        Self { tasks: JoinSet::new(), oldest_first: VecDeque::new(), most, refusals }
    }

    pub(super) fn begin(&mut self, stream: TcpStream, peer: SocketAddr, config: Arc<ServerConfig>) {
        self.oldest_first.retain(|(task, _)| !task.is_finished());
        if self.oldest_first.len() >= self.most
            && let Some((oldest, peer)) = self.oldest_first.pop_front()
        {
            oldest.abort();
            let why = format!("{} later handshakes are in progress", self.most);
            self.refusals.tell(peer, &Refusal::new(TlsRefused::CrowdedOut, why));
        }
        let task = self.tasks.spawn(async move {
            let shaken = timeout(PATIENCE, shake(stream, config)).await;
            let late = || Err(Refusal::new(TlsRefused::Timeout, format!("no handshake within {PATIENCE:?}")));
            (peer, shaken.unwrap_or_else(|_elapsed| late()))
        });
        self.oldest_first.push_back((task, peer));
    }

    /// The next one that ends well; `None` when there are none. Can be dropped while it waits.
    pub(super) async fn next(&mut self) -> Option<(TlsStream<TcpStream>, SocketAddr)> {
        loop {
            match self.tasks.join_next().await? {
                Ok((peer, Ok(stream))) => return Some((stream, peer)),
                Ok((peer, Err(refusal))) => self.refusals.tell(peer, &refusal),
                Err(error) if error.is_cancelled() => {}
                Err(error) => tracing::error!(%error, "a handshake ended badly"),
            }
        }
    }
}

async fn shake(stream: TcpStream, config: Arc<ServerConfig>) -> Result<TlsStream<TcpStream>, Refusal> {
    // An answer must not wait for the packet before it to be acknowledged.
    stream.set_nodelay(true).map_err(|error| Refusal::new(TlsRefused::Disconnected, error))?;
    let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| Refusal::of_handshake(&error))?;
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Ok(stream),
        Some(_) | None => Err(Refusal::new(TlsRefused::NoHttp2, "the client did not offer HTTP/2 (ALPN `h2`)")),
    }
}
