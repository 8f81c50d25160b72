//! A hopgate that is watched.

use std::net::SocketAddr;
use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use hopgate::audit::Followed;
use hopgate::watch::{Address, NotFollowed, follow};
use serde_json::{Value, json};
use testbed::ports;

use crate::support::{Call, Gate, Plan, SOON};

pub(super) type Followings = Pin<Box<dyn Stream<Item = Result<Followed, NotFollowed>>>>;

/// On loopback.
pub(super) fn watched() -> (Gate, SocketAddr) {
    let address = ports::free().expect("a port");
    (Plan::new().set("/watch", json!(address.to_string())).start(), address)
}

pub(super) async fn followed(address: &str) -> Followings {
    Box::pin(follow(&address.parse::<Address>().expect("an address")).await.expect("a stream"))
}

pub(super) async fn next(stream: &mut Followings) -> Followed {
    let next = tokio::time::timeout(SOON, stream.next()).await.expect("in time");
    next.expect("no end").expect("no error")
}

pub(super) async fn next_line(stream: &mut Followings) -> String {
    match next(stream).await {
        Followed::Line(line) => String::from_utf8(line.to_vec()).expect("UTF-8"),
        Followed::Missed(lines) => panic!("missed {lines}"),
    }
}

/// Asks for `/open` with a good token; gives the record.
pub(super) async fn decide(gate: &mut Gate) -> Value {
    let answer = gate.ask(&Call::get("/open").bearer(&gate.token())).await;
    gate.record(&answer)
}
