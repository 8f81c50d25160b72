//! The gRPC decision stream, and reflection for tools that do not know it.

use std::pin::Pin;

use axum::Router;
use futures_util::{Stream, stream};
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::pb::decision_service_server::{DecisionService, DecisionServiceServer};
use super::pb::watch_decisions_response::Event;
use super::pb::{DESCRIPTORS, Decision, WatchDecisionsRequest, WatchDecisionsResponse, Written};
use super::{Followers, TooMany};
use crate::audit::Followed;

#[derive(Debug)]
struct Decisions(Followers);

pub(super) fn routes(followers: Followers) -> Result<Router, tonic_reflection::server::Error> {
    let reflection =
        || tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    let routes = Routes::new(DecisionServiceServer::new(Decisions(followers)))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.into_axum_router())
}

#[tonic::async_trait]
impl DecisionService for Decisions {
    type WatchDecisionsStream = Pin<Box<dyn Stream<Item = Result<WatchDecisionsResponse, Status>> + Send>>;

    async fn watch_decisions(
        &self,
        request: Request<WatchDecisionsRequest>,
    ) -> Result<Response<Self::WatchDecisionsStream>, Status> {
        let recent = usize::try_from(request.get_ref().recent).unwrap_or(usize::MAX);
        let follower =
            self.0.follow(recent).map_err(|error @ TooMany| Status::resource_exhausted(error.to_string()))?;
        let responses = stream::unfold(follower, async |mut follower| {
            let next = follower.following.next().await?;
            Some((Ok(response(next)), follower))
        });
        Ok(Response::new(Box::pin(responses)))
    }
}

fn response(followed: Followed) -> WatchDecisionsResponse {
    let event = match followed {
        Followed::Line(line) => Event::Written(Written { decision: Decision::of_line(&line), line: line.into() }),
        Followed::Missed(lines) => Event::Missed(lines),
    };
    WatchDecisionsResponse { event: Some(event) }
}
