//! A line of the log as a log record and a span.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, SpanFlags, Status};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The semantic conventions' name of an RPC span: `$package.$service/$method`.
const SPAN: &str = "envoy.service.auth.v3.Authorization/Check";

/// What the record calls differently than the semantic conventions, which have a word for it.
const CONVENTIONS: [(&str, &str); 2] = [("method", "http.request.method"), ("path", "url.path")];

/// What is told by its place in the message.
const ELSEWHERE: [&str; 6] = ["time", "trace_id", "parent_span_id", "trace_sampled", "seq", "prev"];

/// The check that is refused by hopgate's own faults.
const OWN: &str = "service";

/// What one decision becomes.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) log: LogRecord,
    /// Where whoever began the trace keeps it: other spans would have no trace to be in.
    pub(super) span: Option<Span>,
}

impl Made {
    /// `None`: it is no record.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(line).ok()?;
        let record: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let string = |name: &str| record.get(name).and_then(Value::as_str);
        let start = nanos(humantime::parse_rfc3339(string("time")?).ok()?);
        let id = Uuid::parse_str(string("decision_id")?).ok()?;
        let took = record.get("duration_us").and_then(Value::as_u64).unwrap_or(0).saturating_mul(1000);
        let end = start.saturating_add(took);
        let refused = string("decision")? == "deny";
        let trace = string("trace_id").and_then(|id| u128::from_str_radix(id, 16).ok());
        let parent = string("parent_span_id").and_then(|id| u64::from_str_radix(id, 16).ok());
        let sampled = record.get("trace_sampled").and_then(Value::as_bool).unwrap_or(false);
        let attributes = attributes(&record);
        let (_, span_id) = id.as_u64_pair();
        let span = trace.zip(parent).filter(|_| sampled).map(|(trace, parent)| Span {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: span_id.to_be_bytes().to_vec(),
            parent_span_id: parent.to_be_bytes().to_vec(),
            flags: flags(true) | SpanFlags::ContextHasIsRemoteMask as u32 | SpanFlags::ContextIsRemoteMask as u32,
            name: SPAN.to_owned(),
            kind: SpanKind::Server.into(),
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: [
                text_of("rpc.system", "grpc"),
                text_of("rpc.service", "envoy.service.auth.v3.Authorization"),
                text_of("rpc.method", "Check"),
            ]
            .into_iter()
            .chain(attributes.iter().cloned())
            .collect(),
            // A refusal is an answer, and no error of the span.
            status: (string("check") == Some(OWN)).then(|| Status {
                code: StatusCode::Error.into(),
                message: string("reason").unwrap_or_default().to_owned(),
            }),
            ..Span::default()
        });
        let severity = if refused { SeverityNumber::Warn } else { SeverityNumber::Info };
        let log = LogRecord {
            time_unix_nano: end,
            observed_time_unix_nano: nanos(SystemTime::now()),
            severity_number: severity.into(),
            severity_text: if refused { "WARN" } else { "INFO" }.to_owned(),
            event_name: "hopgate.decision".to_owned(),
            // As written, so that its chain can be verified there as well.
            body: Some(any(Any::StringValue(text.to_owned()))),
            attributes,
            flags: flags(sampled),
            trace_id: trace.map(|trace| trace.to_be_bytes().to_vec()).unwrap_or_default(),
            span_id: trace.map(|_| span_id.to_be_bytes().to_vec()).unwrap_or_default(),
            ..LogRecord::default()
        };
        Some(Self { log, span })
    }
}

/// W3C trace flags.
fn flags(sampled: bool) -> u32 {
    u32::from(sampled)
}

/// The fields of the record that say something, as `hopgate.…` or by the word of the conventions.
fn attributes(record: &Map<String, Value>) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(record.len());
    for (name, value) in record {
        if ELSEWHERE.contains(&name.as_str()) {
            continue;
        }
        match value {
            Value::Object(fields) => {
                let fields = fields.iter().map(|(field, value)| (format!("hopgate.{name}.{field}"), value));
                attributes.extend(fields.filter_map(|(key, value)| attribute(key, value)));
            }
            value => {
                let known = CONVENTIONS.iter().find(|(ours, _)| ours == name);
                let key = known.map_or_else(|| format!("hopgate.{name}"), |(_, theirs)| (*theirs).to_owned());
                attributes.extend(attribute(key, value));
            }
        }
    }
    attributes
}

/// Nothing where there is nothing to say.
fn attribute(key: String, value: &Value) -> Option<KeyValue> {
    let value = match value {
        Value::Null | Value::Object(_) => return None,
        Value::Bool(value) => Any::BoolValue(*value),
        Value::Number(value) => Any::IntValue(value.as_i64().unwrap_or(i64::MAX)),
        Value::String(value) => Any::StringValue(value.clone()),
        Value::Array(items) if items.is_empty() => return None,
        Value::Array(items) => {
            let texts = items.iter().filter_map(Value::as_str);
            Any::ArrayValue(ArrayValue { values: texts.map(|text| any(Any::StringValue(text.to_owned()))).collect() })
        }
    };
    Some(KeyValue { key, value: Some(any(value)), ..KeyValue::default() })
}

fn text_of(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any(Any::StringValue(value.to_owned()))), ..KeyValue::default() }
}

fn any(value: Any) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
