//! The two things that are sent.

use std::fmt;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::made::Made;
use crate::metrics::OtlpSignal;

/// What a collector did not take of a request that it answered, and why.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    pub(super) items: u64,
    pub(super) why: String,
}

pub(super) trait Signal: Send + 'static {
    type Item: Message + Clone + Send + fmt::Debug + 'static;
    const NAME: OtlpSignal;

    /// What is sent of a decision, if anything.
    fn of(made: Made) -> Option<Self::Item>;

    /// One try.
    fn export(&mut self, items: Vec<Self::Item>) -> impl Future<Output = Result<Rejected, Status>> + Send;
}

#[derive(Debug)]
pub(super) struct Logs {
    client: LogsServiceClient<Channel>,
    of: Of,
}

#[derive(Debug)]
pub(super) struct Traces {
    client: TraceServiceClient<Channel>,
    of: Of,
}

/// Where it comes from, and what opens the door.
#[derive(Debug)]
struct Of {
    resource: Resource,
    headers: MetadataMap,
}

impl Of {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().clone_from(&self.headers);
        request
    }
}

impl Logs {
    pub(super) fn new(channel: Channel, resource: Resource, headers: MetadataMap) -> Self {
        Self { client: LogsServiceClient::new(channel), of: Of { resource, headers } }
    }
}

impl Traces {
    pub(super) fn new(channel: Channel, resource: Resource, headers: MetadataMap) -> Self {
        Self { client: TraceServiceClient::new(channel), of: Of { resource, headers } }
    }
}

impl Signal for Logs {
    type Item = LogRecord;
    const NAME: OtlpSignal = OtlpSignal::Logs;

    fn of(made: Made) -> Option<LogRecord> {
        Some(made.log)
    }

    async fn export(&mut self, items: Vec<LogRecord>) -> Result<Rejected, Status> {
        let scope = ScopeLogs { scope: Some(scope()), log_records: items, ..ScopeLogs::default() };
        let resource = Some(self.of.resource.clone());
        let logs = ResourceLogs { resource, scope_logs: vec![scope], ..ResourceLogs::default() };
        let request = self.of.request(ExportLogsServiceRequest { resource_logs: vec![logs] });
        let partial = self.client.export(request).await?.into_inner().partial_success.unwrap_or_default();
        Ok(Rejected { items: count(partial.rejected_log_records), why: partial.error_message })
    }
}

impl Signal for Traces {
    type Item = Span;
    const NAME: OtlpSignal = OtlpSignal::Traces;

    fn of(made: Made) -> Option<Span> {
        made.span
    }

    async fn export(&mut self, items: Vec<Span>) -> Result<Rejected, Status> {
        let scope = ScopeSpans { scope: Some(scope()), spans: items, ..ScopeSpans::default() };
        let resource = Some(self.of.resource.clone());
        let spans = ResourceSpans { resource, scope_spans: vec![scope], ..ResourceSpans::default() };
        let request = self.of.request(ExportTraceServiceRequest { resource_spans: vec![spans] });
        let partial = self.client.export(request).await?.into_inner().partial_success.unwrap_or_default();
        Ok(Rejected { items: count(partial.rejected_spans), why: partial.error_message })
    }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "hopgate".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn count(rejected: i64) -> u64 {
    u64::try_from(rejected).unwrap_or(0)
}
