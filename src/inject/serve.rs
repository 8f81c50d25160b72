//! The webhook over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::body::{BodyError, Places};
use super::certificate::{Certificate, CertificateError, CertificateFiles};
use super::review::{Answer, Pass, Question, answer, unreadable};
use super::{ChosenBy, Settings};

/// The API server waits 10 s for a webhook unless told otherwise, and 30 s at most.
const MAX_WAIT: Duration = Duration::from_secs(9);
const MAX_HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a connection may say nothing. The API server keeps one open for the next pod.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// The API servers of a cluster need a few.
const MAX_CONNECTIONS: usize = 128;
/// What is read of a connection and not looked at yet, bytes.
const MAX_BUFFER: usize = 64 * 1024;
/// How long reviews in progress may take once the end is asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the webhook on `listener` until `shutdown`, then lets reviews in progress end.
///
/// # Errors
/// The certificate can't be used.
pub async fn serve(
    listener: TcpListener,
    files: CertificateFiles,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Result<(), CertificateError> {
    let mut certificate = Certificate::read(files)?;
    let draining = Arc::new(AtomicBool::new(false));
    let router = router(settings, Arc::clone(&draining));
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    tracing::info!(listen = %listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string()), "answering reviews");
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            // It never gives a result while there is nothing to wait for.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let acceptor = TlsAcceptor::from(certificate.config());
        let (router, stopped) = (router.clone(), stopped.clone());
        connections.spawn(async move {
            let _place = place;
            connection(stream, acceptor, router, stopped).await;
        });
    }
    draining.store(true, Ordering::Release);
    drop(listener);
    tracing::info!(deadline = ?DRAIN, "draining");
    // Nobody listens only if no connection is left.
    let _ = stop.send(true);
    if timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("reviews were still in progress at the drain deadline");
    }
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    if let Ok((stream, _)) = listener.accept().await {
        return Some((stream, place));
    }
    // Out of file descriptors, the next attempt would fail as fast and fill a core.
    tokio::time::sleep(Duration::from_millis(50)).await;
    None
}

/// A connection to its end. Why it ends, be it a peer that is gone or one that is no TLS client, is no news.
async fn connection(stream: TcpStream, acceptor: TlsAcceptor, router: Router, mut stopped: watch::Receiver<bool>) {
    let Ok(Ok(stream)) = timeout(MAX_HANDSHAKE, acceptor.accept(stream)).await else { return };
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_IDLE)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        _ = served.as_mut() => return,
        // An error means that the sender is gone, which is an end as well.
        _ = stopped.wait_for(|stopped| *stopped) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = served.await;
}

#[derive(Clone)]
struct Reviewer {
    settings: Arc<Settings>,
    places: Places,
}

fn router(settings: Settings, draining: Arc<AtomicBool>) -> Router {
    let reviewer = Reviewer { settings: Arc::new(settings), places: Places::new() };
    let mut router = Router::new();
    for (path, pass, chosen_by) in [
        ("/mutate", Pass::Mutate, ChosenBy::Pod),
        ("/mutate/namespace", Pass::Mutate, ChosenBy::Namespace),
        ("/validate", Pass::Validate, ChosenBy::Pod),
        ("/validate/namespace", Pass::Validate, ChosenBy::Namespace),
    ] {
        let question = Question { pass, chosen_by };
        let review = move |reviewer: State<Reviewer>, body: Body| review(question, reviewer, body);
        router = router.route(path, post(review));
    }
    router
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async move || readyz(&draining)))
        .with_state(reviewer)
}

fn readyz(draining: &AtomicBool) -> (StatusCode, &'static str) {
    if draining.load(Ordering::Acquire) {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready: draining\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn review(question: Question, State(reviewer): State<Reviewer>, body: Body) -> Response {
    let answer = timeout(MAX_WAIT, reviewer.answer(question, body)).await;
    let answer = answer.unwrap_or_else(|_| unreadable(StatusCode::REQUEST_TIMEOUT, "the review took too long"));
    log(question, &answer);
    (answer.status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response()
}

impl Reviewer {
    async fn answer(self, question: Question, body: Body) -> Answer {
        let held = match self.places.hold(body).await {
            Ok(held) => held,
            Err(error) => {
                let status = match error {
                    BodyError::TooLarge | BodyError::TooManyParts => StatusCode::PAYLOAD_TOO_LARGE,
                    BodyError::BrokeOff(_) => StatusCode::BAD_REQUEST,
                    BodyError::Ending => StatusCode::SERVICE_UNAVAILABLE,
                };
                return unreadable(status, &error.to_string());
            }
        };
        let answered = spawn_blocking(move || answer(&held.bytes, question, &self.settings));
        // Where even the answer to a panic panics.
        answered.await.unwrap_or_else(|_| unreadable(StatusCode::INTERNAL_SERVER_ERROR, "the review failed"))
    }
}

fn log(question: Question, answer: &Answer) {
    let about = &answer.about;
    tracing::info!(
        namespace = about.namespace,
        pod = about.pod,
        uid = about.uid,
        dry_run = about.dry_run,
        pass = question.pass.name(),
        outcome = answer.outcome.name(),
        reason = answer.reason,
        "reviewed"
    );
}
