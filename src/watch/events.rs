//! The live page's stream: Server-Sent Events, as the HTML standard has them.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;

use super::{Followers, RECENT, TooMany};
use crate::audit::Followed;

/// A comment is sent after so much silence, so that whoever went away is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `decision`: a line as written, a checkpoint now and then, under its `seq`; `missed`: how many lines went by unseen.
pub(super) async fn decisions(State(followers): State<Followers>) -> Response {
    let follower = match followers.follow(RECENT) {
        Ok(follower) => follower,
        Err(error @ TooMany) => return (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    };
    let events = stream::unfold(follower, async |mut follower| {
        let next = follower.following.next().await?;
        Some((Ok::<_, Infallible>(event(next)), follower))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

fn event(followed: Followed) -> Event {
    #[derive(Deserialize)]
    struct Numbered {
        seq: u64,
    }
    match followed {
        Followed::Line(line) => {
            let event = Event::default().event("decision");
            let event = match serde_json::from_slice::<Numbered>(&line) {
                Ok(Numbered { seq }) => event.id(seq.to_string()),
                Err(_) => event,
            };
            // A record is JSON of one line: there is nothing in it that ends an event.
            event.data(String::from_utf8_lossy(&line).replace('\r', ""))
        }
        Followed::Missed(lines) => Event::default().event("missed").data(lines.to_string()),
    }
}
