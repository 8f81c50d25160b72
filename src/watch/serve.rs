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
use tower::ServiceExt as _;

use crate::listener::Listener;

/// Connections at once; a page needs two.
const MAX_CONNECTIONS: usize = 64;
/// Streams of one connection.
const MAX_STREAMS: u32 = 32;
/// Longest time in which nothing is asked for on a connection.
const MAX_SILENCE: Duration = Duration::from_secs(10);
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
            connection(stream, router).await;
        });
    }
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
async fn connection(stream: Box<dyn Stream>, router: Router) {
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let service = router.map_request(move |request: hyper::Request<_>| {
        seen.store(true, Ordering::Relaxed);
        request
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(MAX_SILENCE);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).max_concurrent_streams(MAX_STREAMS);
    tokio::select! {
        _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)) => {}
        () = silence(&asked) => {}
    }
}

/// Ends if nothing was asked for in time: until it has read the first bytes, hyper waits without end.
async fn silence(asked: &AtomicBool) {
    tokio::time::sleep(MAX_SILENCE).await;
    if asked.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}
