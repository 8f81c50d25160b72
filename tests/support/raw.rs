//! Checks as bytes, for what no client would send.

use bytes::{Buf as _, BufMut as _};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use futures_util::stream::pending;
use http::uri::PathAndQuery;
use prost::Message as _;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::Answer;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// A message of any bytes, as gRPC frames it.
pub(crate) async fn ask(channel: Channel, bytes: Vec<u8>) -> Answer {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("a connection");
    let path = PathAndQuery::from_static(CHECK);
    let answer: Result<Response<Vec<u8>>, Status> = client.unary(Request::new(bytes), path, Bytes).await;
    let bytes = answer.expect("an answer and no gRPC error").into_inner();
    Answer::of(CheckResponse::decode(bytes.as_slice()).expect("a CheckResponse"))
}

/// A call that begins and never sends its message; ends when it is answered, or dropped.
pub(crate) async fn begin(channel: Channel) {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.expect("a connection");
    let nothing = Request::new(pending::<Vec<u8>>());
    // Whatever the answer is, the test asks what becomes of the others.
    drop(client.client_streaming(nothing, PathAndQuery::from_static(CHECK), Bytes).await);
}

#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining()).to_vec()))
    }
}
