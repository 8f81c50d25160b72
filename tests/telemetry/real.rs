//! A real OpenTelemetry Collector takes what is sent, and joins it with the spans of a real Envoy.

use std::path::Path;
use std::process::Command;

use testbed::{Service, ports};

use super::collector::plan;
use super::joined::tracing;
use crate::support::{SOON, eventually, http};

const CONFIG: &str = "yaml:{receivers: {otlp: {protocols: {grpc: {endpoint: ADDRESS}}}}, exporters: {debug: {verbosity: \
                      detailed}}, service: {telemetry: {metrics: {level: none}}, pipelines: {traces: {receivers: \
                      [otlp], exporters: [debug]}, logs: {receivers: [otlp], exporters: [debug]}}}}";

/// What `make collector` compiled.
fn compiled() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/collector/build.sh");
    let output = Command::new(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "compiles a collector: `make collector`"]
async fn a_real_collector_takes_what_is_sent() {
    let address = ports::free().unwrap();
    let mut program = Command::new(compiled());
    program.args(["--config", &CONFIG.replace("ADDRESS", &address.to_string())]);
    let collector = Service::start("otelcol", program).unwrap();
    ports::wait_for_tcp(address, SOON).unwrap();

    let mut gate = plan(address).start();
    let envoy = tracing(&gate, address).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let token = format!("Bearer {}", gate.token());
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let headers = [("authorization", token.as_bytes()), ("traceparent", parent.as_bytes())];
    assert_eq!(http::request(envoy.address("inbound").unwrap(), "GET", "/invoices", &headers).status, 200);

    let line = gate.service.wait_for_line(SOON, |_| true).unwrap();
    let record: serde_json::Value = serde_json::from_str(&line).unwrap();
    let id = record["decision_id"].as_str().unwrap().replace('-', "");
    let (parent, span) = (record["parent_span_id"].as_str().unwrap(), &id[16..]);
    for told in [
        // A span of ours, below one of Envoy's.
        format!("Trace ID       : {trace}\n    Parent ID      : {parent}\n    ID             : {span}\n"),
        format!("    ID             : {parent}\n"),
        "service.name: Str(edge)\n".to_owned(),
        // The record as it was written, in the same trace.
        format!("EventName: hopgate.decision\nBody: Str({line})\n"),
        format!("Trace ID: {trace}\nSpan ID: {span}\n"),
    ] {
        eventually(&told, async || collector.stderr().unwrap().contains(&told).then_some(())).await;
    }
    gate.until_metric(r#"hopgate_otlp_sent_total{signal="logs"}"#, 1.0).await;
    gate.until_metric(r#"hopgate_otlp_sent_total{signal="traces"}"#, 1.0).await;
}
