//! The other end of the decision stream: another hopgate's decisions, followed.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tower::service_fn;

use super::RECENT;
use super::pb::decision_service_client::DecisionServiceClient;
use super::pb::watch_decisions_response::Event;
use super::pb::{WatchDecisionsRequest, WatchDecisionsResponse};
use crate::audit::{Followed, clean};

/// Largest message, bytes: many times a record.
const MAX_MESSAGE: usize = 1 << 20;
/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// How often the other end must show that it is there, and for how long it may fail to.
const PING: Duration = Duration::from_secs(10);

/// Where another hopgate is watched: its `watch`, or a port that leads there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp(String),
}

/// Why decisions are not followed, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    #[error("can't connect: {}", innermost(.0))]
    Connect(#[source] tonic::transport::Error),
    #[error("what answers there is not the `watch` of a hopgate ({}{})", .0.code(), because(.0))]
    NoWatch(Box<tonic::Status>),
    #[error("{}{}", .0.code(), because(.0))]
    Refused(Box<tonic::Status>),
    #[error("the connection broke, as it does when a hopgate stops{}", because(.0))]
    Broken(Box<tonic::Status>),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        let has_port = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if has_port && Endpoint::from_shared(format!("http://{text}")).is_ok() {
            Ok(Self::Tcp(text.to_owned()))
        } else {
            Err("expected `unix:/path/to.sock` or an address such as `127.0.0.1:9903`".to_owned())
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// Decisions from the recent ones on, until the other end goes away.
///
/// # Errors
/// There is no connection, or nobody may follow.
pub async fn follow(
    address: &Address,
) -> Result<impl Stream<Item = Result<Followed, NotFollowed>> + use<>, NotFollowed> {
    let channel = connect(address).await.map_err(NotFollowed::Connect)?;
    let request = WatchDecisionsRequest { recent: u32::try_from(RECENT).unwrap_or(u32::MAX) };
    let mut client = DecisionServiceClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let responses = client.watch_decisions(request).await.map_err(refused)?;
    Ok(responses.into_inner().filter_map(async |response| response.map(followed).map_err(broken).transpose()))
}

async fn connect(address: &Address) -> Result<Channel, tonic::transport::Error> {
    // The name is for the guard of the other end.
    let host = match address {
        Address::Unix(_) => "localhost",
        Address::Tcp(address) => address,
    };
    let endpoint = Endpoint::from_shared(format!("http://{host}"))?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .keep_alive_while_idle(true);
    match address {
        Address::Tcp(_) => endpoint.connect().await,
        Address::Unix(path) => {
            let path = path.clone();
            let connect = service_fn(move |_| {
                let stream = UnixStream::connect(path.clone());
                async { stream.await.map(TokioIo::new) }
            });
            endpoint.connect_with_connector(connect).await
        }
    }
}

/// `None` for what only a newer hopgate says.
fn followed(response: WatchDecisionsResponse) -> Option<Followed> {
    match response.event? {
        Event::Written(written) => Some(Followed::Line(written.line.into())),
        Event::Missed(lines) => Some(Followed::Missed(lines)),
    }
}

/// What stands in place of the stream.
fn refused(status: tonic::Status) -> NotFollowed {
    // Of a status that came over the connection nothing is the source.
    let is_ours = status.source().is_none() && status.code() != tonic::Code::Unimplemented;
    if is_ours { NotFollowed::Refused(Box::new(status)) } else { NotFollowed::NoWatch(Box::new(status)) }
}

/// What ends it.
fn broken(status: tonic::Status) -> NotFollowed {
    if status.source().is_some() {
        NotFollowed::Broken(Box::new(status))
    } else {
        NotFollowed::Refused(Box::new(status))
    }
}

/// What `status` says beside its code, if it does: the other end's words, or what happened underneath.
fn because(status: &tonic::Status) -> String {
    let why = status.source().map_or_else(|| status.message().to_owned(), |source| innermost(source).to_string());
    if why.is_empty() { why } else { format!(": {}", clean(&why)) }
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
