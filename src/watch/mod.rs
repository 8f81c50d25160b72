//! Decisions as they happen, for people and programs on this machine: the live page with its stream of
//! events, and the gRPC decision stream with reflection, on one address. It is off unless configured,
//! never reachable from elsewhere, and only reads.
//!
//! ```text
//! audit's writer ─▶ Feed ─┬▶ events ─▶ page    GET / and /decisions, and status beside them
//!                         └▶ grpc              hopgate.decision.v1.DecisionService ─▶ hopgate logs --from
//! ```

mod client;
mod events;
mod grpc;
mod guard;
mod page;
mod pb;
mod serve;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::client::{Address, NotFollowed, follow};
pub use self::serve::serve;
pub use self::status::Sources;
use crate::audit::{Feed, Following};

/// Records that are kept for those who begin to follow: some 400 KB.
pub const RECENT: usize = 256;

/// Who may follow at once.
const MAX_FOLLOWERS: usize = 16;

/// Where followers come from.
#[derive(Clone, Debug)]
struct Followers {
    feed: Feed,
    places: Arc<Semaphore>,
}

/// A follower in its place.
#[derive(Debug)]
struct Follower {
    following: Following,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Error)]
#[error("{MAX_FOLLOWERS} are following already")]
struct TooMany;

impl Followers {
    fn follow(&self, recent: usize) -> Result<Follower, TooMany> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TooMany)?;
        Ok(Follower { following: self.feed.follow(recent), _place: place })
    }
}

/// All that is answered. `on_loopback`: the peer is whoever reaches a loopback address, a browser among them.
///
/// # Errors
/// The descriptors of the gRPC service are not what they should be.
pub fn router(feed: Feed, sources: Sources, on_loopback: bool) -> Result<Router, tonic_reflection::server::Error> {
    let followers = Followers { feed, places: Arc::new(Semaphore::new(MAX_FOLLOWERS)) };
    let page = Router::new().route("/decisions", get(events::decisions)).with_state(followers.clone());
    let page = page.route("/status", get(status::status).with_state(sources)).merge(page::routes());
    let page = page.layer(middleware::map_response(guard::headers));
    let grpc = grpc::routes(followers)?.layer(middleware::from_fn(guard::grpc_only));
    let all = page.merge(grpc).fallback(async || StatusCode::NOT_FOUND);
    Ok(if on_loopback { all.layer(middleware::from_fn(guard::own_host)) } else { all })
}
