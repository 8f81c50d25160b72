//! Connections to the watch address: of both versions of HTTP, bounded in number.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use crate::listener::Listener;

/// Connections at once; a page needs two.
const MAX_CONNECTIONS: usize = 64;
/// Streams of one connection.
const MAX_STREAMS: u32 = 32;
/// With the other end of a connection.
const PATIENCE: Patience = Patience { silent: Duration::from_secs(10), blocked: Duration::from_secs(30) };
/// How often the other end of HTTP/2 must show that it is there.
const PING: Duration = Duration::from_secs(20);

/// Serves `router` until `listener` fails for good, which it does not; gives the reason all the
/// same. When it is dropped, so is every connection.
pub async fn serve(listener: Listener, router: Router) -> String {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return "its places were closed".to_owned();
        };
        let Ok(stream) = accept(&listener).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let router = router.clone();
        connections.spawn(async move {
            let _place = place;
            connection(stream, router, PATIENCE).await;
        });
    }
}

/// How long the other end may do nothing.
#[derive(Clone, Copy)]
struct Patience {
    /// Ask for nothing.
    silent: Duration,
    /// Take nothing of what there is for it: with HTTP/1, all that shows whether it is there.
    blocked: Duration,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn accept(listener: &Listener) -> io::Result<Box<dyn Stream>> {
    Ok(match listener {
        Listener::Unix(listener) => Box::new(listener.accept().await?.0),
        Listener::Loopback(listener) => Box::new(listener.accept().await?.0),
        Listener::Tcp(_) => return Err(io::Error::other("it is reachable from elsewhere")),
    })
}

/// Serves one connection to its end. How that came about makes no difference.
async fn connection(stream: Box<dyn Stream>, router: Router, patience: Patience) {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let service = router.map_request(move |request: hyper::Request<_>| {
        seen.store(true, Ordering::Relaxed);
        request
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.silent);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).max_concurrent_streams(MAX_STREAMS);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.blocked));
    tokio::select! {
        _ = builder.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(service)) => {}
        () = silence(&asked, patience.silent) => {}
    }
}

/// Ends if nothing was asked for in time: until it has read the first bytes, hyper waits without end.
async fn silence(asked: &AtomicBool, silent: Duration) {
    tokio::time::sleep(silent).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const NONE: Patience = Patience { silent: Duration::from_millis(20), blocked: Duration::from_millis(20) };

    /// Ends when the connection does.
    async fn served(asked: &[u8]) {
        let endless =
            || async { Body::from_stream(stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 512])))) };
        let (mut other, ours) = tokio::io::duplex(4096);
        other.write_all(asked).await.expect("written");
        let served = connection(Box::new(ours), Router::new().route("/", get(endless)), NONE);
        tokio::time::timeout(Duration::from_secs(30), served).await.expect("it ends");
        drop(other);
    }

    #[tokio::test]
    async fn who_asks_and_never_reads_keeps_no_place() {
        served(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    }

    #[tokio::test]
    async fn who_asks_for_nothing_keeps_no_place() {
        served(b"").await;
        served(b"GET").await;
    }
}
