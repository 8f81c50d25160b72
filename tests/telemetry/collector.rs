//! A collector that keeps what it gets, or does what the real one can't be told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::MetadataMap;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use crate::support::{Plan, authority, eventually};

/// How it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Manner {
    #[default]
    Takes,
    /// So many log records of each request are rejected.
    Rejects(i64),
    Fails(Code),
    Hangs,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    manner: Manner,
    asked: u64,
    logs: Vec<LogRecord>,
    spans: Vec<(Resource, Span)>,
    resources: Vec<Resource>,
    headers: Vec<MetadataMap>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Collector(Arc<Mutex<Kept>>);

impl Collector {
    pub(super) async fn start() -> (Self, SocketAddr) {
        Self::serve(Server::builder()).await
    }

    pub(super) async fn start_tls(shows: &authority::Identity) -> (Self, SocketAddr) {
        let tls = ServerTlsConfig::new().identity(Identity::from_pem(&shows.pem, &shows.key_pem));
        Self::serve(Server::builder().tls_config(tls).unwrap()).await
    }

    async fn serve(mut server: Server) -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = server
            .add_service(LogsServiceServer::new(collector.clone()))
            .add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        (collector, address)
    }

    pub(super) fn set(&self, manner: Manner) {
        self.0.lock().unwrap().manner = manner;
    }

    fn kept(&self) -> Kept {
        self.0.lock().unwrap().clone()
    }

    /// Requests so far.
    pub(super) fn asked(&self) -> u64 {
        self.kept().asked
    }

    pub(super) async fn logs(&self, count: usize) -> Vec<LogRecord> {
        eventually("log records", async || Some(self.kept().logs).filter(|logs| logs.len() >= count)).await
    }

    /// The first span that `wanted` accepts, and what it is of.
    pub(super) async fn span(&self, wanted: impl Fn(&Span) -> bool) -> (Resource, Span) {
        eventually("a span", async || self.kept().spans.into_iter().find(|(_, span)| wanted(span))).await
    }

    pub(super) fn spans(&self) -> usize {
        self.kept().spans.len()
    }

    pub(super) fn resource(&self) -> Resource {
        self.kept().resources.remove(0)
    }

    pub(super) fn headers(&self) -> MetadataMap {
        self.kept().headers.remove(0)
    }

    async fn answer<T>(&self, metadata: &MetadataMap, keep: impl FnOnce(&mut Kept), taken: T) -> Result<T, Status> {
        let manner = {
            let mut kept = self.0.lock().unwrap();
            kept.asked += 1;
            kept.headers.push(metadata.clone());
            if let Manner::Takes | Manner::Rejects(_) = kept.manner {
                keep(&mut kept);
            }
            kept.manner
        };
        match manner {
            Manner::Takes | Manner::Rejects(_) => Ok(taken),
            Manner::Fails(code) => Err(Status::new(code, "as it was told")),
            Manner::Hangs => std::future::pending().await,
        }
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let partial_success = match self.kept().manner {
            Manner::Rejects(rejected_log_records) => {
                Some(ExportLogsPartialSuccess { rejected_log_records, error_message: "too old".to_owned() })
            }
            Manner::Takes | Manner::Fails(_) | Manner::Hangs => None,
        };
        let keep = |kept: &mut Kept| {
            for logs in message.resource_logs {
                kept.resources.extend(logs.resource);
                kept.logs.extend(logs.scope_logs.into_iter().flat_map(|scope| scope.log_records));
            }
        };
        self.answer(&metadata, keep, Response::new(ExportLogsServiceResponse { partial_success })).await
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let keep = |kept: &mut Kept| {
            for spans in message.resource_spans {
                let resource = spans.resource.unwrap_or_default();
                let spans = spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
                kept.spans.extend(spans.map(|span| (resource.clone(), span)));
            }
        };
        self.answer(&metadata, keep, Response::new(ExportTraceServiceResponse::default())).await
    }
}

/// A hopgate to be that sends to `address`.
pub(super) fn plan(address: SocketAddr) -> Plan {
    Plan::new().set("/otlp", json!({ "endpoint": format!("http://{address}") }))
}

/// The attribute `key`, as JSON.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Value {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.clone()).and_then(|value| value.value);
    value.map_or(Value::Null, json_of)
}

fn json_of(value: Any) -> Value {
    match value {
        Any::StringValue(text) => json!(text),
        Any::BoolValue(value) => json!(value),
        Any::IntValue(value) => json!(value),
        Any::ArrayValue(items) => items.values.into_iter().filter_map(|item| item.value).map(json_of).collect(),
        other => json!(format!("{other:?}")),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
