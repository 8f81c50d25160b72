//! Nothing leaves but an answer.
//!
//! A message over the size limit, bytes that are no protobuf, a panic outside the checks: tonic
//! answers them with a gRPC error, and Envoy hands a gRPC error to `failure_mode_allow`. This
//! layer puts a normal refusal, recorded, in its place. It also bounds the checks in progress:
//! past the bound a call is refused before its message is read.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use prost::Message as _;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::patience::{Patience, time_for};
use super::service::Checker;
use crate::authz::Reason;

/// The one method that is sealed; health and reflection answer as they like.
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

#[derive(Clone, Debug)]
pub struct SealLayer {
    checker: Arc<Checker>,
    slots: Arc<Semaphore>,
    deadline: Duration,
}

impl SealLayer {
    /// Seals the answers of `checker`, with at most `concurrency` checks in progress and none for
    /// longer than `deadline`: a message that is never finished must not hold its place.
    #[must_use]
    pub fn new(checker: Arc<Checker>, concurrency: usize, deadline: Duration) -> Self {
        Self { checker, deadline, slots: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))) }
    }
}

impl<S> Layer<S> for SealLayer {
    type Service = Seal<S>;

    fn layer(&self, inner: S) -> Seal<S> {
        Seal { inner, checker: Arc::clone(&self.checker), slots: Arc::clone(&self.slots), deadline: self.deadline }
    }
}

#[derive(Clone, Debug)]
pub struct Seal<S> {
    inner: S,
    checker: Arc<Checker>,
    slots: Arc<Semaphore>,
    deadline: Duration,
}

impl<S> Service<Request<Body>> for Seal<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.uri().path() != CHECK {
            return Box::pin(self.inner.call(request));
        }
        let checker = Arc::clone(&self.checker);
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return Box::pin(async move { Ok(unary(&checker.refuse_unseen(Reason::Overloaded))) });
        };
        let time = time_for(request.headers(), self.deadline);
        request.extensions_mut().insert(Patience::of(time));
        let answer = timeout(time, AssertUnwindSafe(self.inner.call(request)).catch_unwind());
        Box::pin(async move {
            let _slot = slot;
            let reason = match answer.await {
                Ok(Ok(Ok(response))) => match Status::from_header_map(response.headers()).map(|status| status.code()) {
                    None | Some(Code::Ok) => return Ok(response),
                    Some(Code::OutOfRange) => Reason::RequestTooLarge,
                    Some(_) => Reason::InternalError,
                },
                Ok(Err(_panic)) => Reason::InternalError,
                Err(_elapsed) => Reason::DeadlineExceeded,
            };
            tracing::warn!(
                reason = reason.code(),
                "a check could not be answered by its handler; the call was refused"
            );
            Ok(unary(&checker.refuse_unseen(reason)))
        })
    }
}

/// `message` as a whole unary gRPC response (PROTOCOL-HTTP2: one length-prefixed message, then
/// trailers).
fn unary(message: &CheckResponse) -> Response<Body> {
    let encoded = message.encode_to_vec();
    let mut frame = BytesMut::with_capacity(encoded.len().saturating_add(5));
    frame.put_u8(0);
    frame.put_u32(u32::try_from(encoded.len()).unwrap_or(u32::MAX));
    frame.extend_from_slice(&encoded);
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::<Bytes>::new(frame.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
