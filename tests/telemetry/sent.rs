//! What is sent says what the record says.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::{Value, json};

use super::collector::{Collector, attribute, hex, plan};
use crate::support::authority::Authority;
use crate::support::{Call, Plan, spiffe};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

fn traced(call: Call, flags: &str) -> Call {
    call.header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_a_log_record_that_holds_its_line() {
    let (collector, address) = Collector::start().await;
    let mut gate = plan(address).start();
    let allow = gate.ask(&Call::get("/invoices").bearer(&gate.token()).peer(&spiffe("planner"))).await;
    gate.ask(&traced(Call::get("/nowhere"), "01")).await;
    let logs = collector.logs(2).await;
    let record = gate.record(&allow);
    let lines = gate.service.lines();
    for (log, line) in logs.iter().zip(&lines) {
        assert_eq!(log.body.clone().unwrap().value, Some(Any::StringValue(line.clone())), "as it was written");
        assert_eq!(log.event_name, "hopgate.decision");
    }
    let of = |key: &str| attribute(&logs[0].attributes, key);
    assert_eq!(of("hopgate.decision"), json!("allow"));
    assert_eq!(of("hopgate.subject"), json!("alice"));
    assert_eq!(of("hopgate.actor_chain"), json!(["planner"]));
    assert_eq!(of("hopgate.decision_id"), record["decision_id"]);
    assert_eq!((of("http.request.method"), of("url.path")), (json!("GET"), json!("/invoices")));
    assert_eq!(of("hopgate.reason"), Value::Null, "what is null is not sent");
    assert_eq!((logs[0].severity_text.as_str(), logs[0].trace_id.len(), logs[0].span_id.len()), ("INFO", 0, 0));
    let refused = &logs[1];
    assert_eq!((refused.severity_text.as_str(), hex(&refused.trace_id).as_str()), ("WARN", TRACE));
    assert_eq!(attribute(&refused.attributes, "hopgate.reason"), json!("route_unknown"));
    let resource = collector.resource().attributes;
    assert_eq!(attribute(&resource, "service.name"), json!("hopgate"));
    assert_eq!(attribute(&resource, "service.version"), json!(env!("CARGO_PKG_VERSION")));
    gate.until_metric("hopgate_otlp_sent_total{signal=\"logs\"}", 2.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_a_span_where_its_trace_is_kept() {
    let (collector, address) = Collector::start().await;
    let mut gate = plan(address).start();
    let token = gate.token();
    gate.ask(&Call::get("/invoices").bearer(&token)).await;
    gate.ask(&traced(Call::get("/invoices").bearer(&token), "00")).await;
    let answer = gate.ask(&traced(Call::get("/nowhere").bearer(&token), "01")).await;
    collector.logs(3).await;
    let (_, span) = collector.span(|_| true).await;
    assert_eq!(collector.spans(), 1);
    assert_eq!((hex(&span.trace_id).as_str(), hex(&span.parent_span_id).as_str()), (TRACE, PARENT));
    let record = gate.record(&answer);
    let id = record["decision_id"].as_str().unwrap().replace('-', "");
    assert_eq!(hex(&span.span_id), id[16..]);
    assert_eq!(span.name, "envoy.service.auth.v3.Authorization/Check");
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, record["duration_us"].as_u64().unwrap() * 1000);
    assert_eq!(attribute(&span.attributes, "hopgate.reason"), json!("route_unknown"));
    assert_eq!(span.status, None, "a refusal is no error of hopgate's");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_span_in_which_envoy_asks_goes_before_the_callers_word() {
    let (collector, address) = Collector::start().await;
    let mut gate = plan(address).start();
    let asking = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut client = gate.client();
    for metadata in [
        vec![format!("00-{asking}-00f067aa0ba902b7-01")],
        vec!["junk".to_owned()],
        vec![format!("00-{asking}-00f067aa0ba902b7-01"); 2],
    ] {
        let mut request = tonic::Request::new(traced(Call::get("/nowhere"), "01").message());
        for traceparent in &metadata {
            request.metadata_mut().append("traceparent", traceparent.parse().unwrap());
        }
        client.check(request).await.unwrap();
    }
    collector.logs(3).await;
    let traces: Vec<_> = gate.service.lines().iter().map(|line| json_of(line)["trace_id"].clone()).collect();
    assert_eq!(traces, [asking, TRACE, TRACE]);
    collector.span(|span| hex(&span.trace_id) == asking).await;
    let record = gate.record_where(|record| record["trace_id"] == asking);
    assert_eq!((&record["parent_span_id"], &record["trace_sampled"]), (&json!("00f067aa0ba902b7"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_in_the_record_is_hidden_there_too() {
    let (collector, address) = Collector::start().await;
    let gate = plan(address).set("/audit/drop", json!(["subject", "path"])).start();
    gate.ask(&traced(Call::get("/invoices/7").bearer(&gate.token()), "01")).await;
    let logs = collector.logs(1).await;
    let (_, span) = collector.span(|_| true).await;
    let all = format!("{logs:?} {span:?}");
    assert!(all.contains("planner") && !all.contains("alice") && !all.contains("/invoices/7"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_headers_that_open_the_door() {
    let plan = Plan::new();
    let folder = plan.dir.root().to_owned();
    let authority = Authority::new("collectors");
    let (collector, address) = Collector::start_tls(&authority.issue(&[])).await;
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    std::fs::write(folder.join("headers"), "x-api-key: open-sesame\n\nx-scope: mesh \n").unwrap();
    let otlp = json!({ "endpoint": format!("https://localhost:{}", address.port()), "ca_file": "ca.pem",
        "headers_file": "headers" });
    let gate = plan.set("/otlp", otlp).start();
    gate.ask(&Call::get("/open")).await;
    collector.logs(1).await;
    let headers = collector.headers();
    assert_eq!(headers.get("x-api-key").unwrap(), "open-sesame");
    assert_eq!(headers.get("x-scope").unwrap(), "mesh");
    let said = gate.service.stderr().unwrap();
    assert!(!said.contains("open-sesame"), "{said}");
}

fn json_of(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}
