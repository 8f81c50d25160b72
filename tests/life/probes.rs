use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::keyserver::KeyServer;
use crate::support::{Gate, Plan, eventually};

/// Their names, types and labels are API.
const METRICS: [&str; 19] = [
    "hopgate_config_current gauge",
    "hopgate_config_reloads counter",
    "hopgate_decision_duration_seconds histogram",
    "hopgate_decisions counter",
    "hopgate_issuer_key_fetches counter",
    "hopgate_issuer_keys gauge",
    "hopgate_issuer_keys_fetched_timestamp_seconds gauge",
    "hopgate_otlp_dropped counter",
    "hopgate_otlp_sent counter",
    "hopgate_records_refused counter",
    "hopgate_replay_entries gauge",
    "hopgate_replay_store_available gauge",
    "hopgate_replay_store_failures counter",
    "hopgate_revocations gauge",
    "hopgate_revocations_current gauge",
    "hopgate_tls_certificate_not_after_timestamp_seconds gauge",
    "hopgate_tls_current gauge",
    "hopgate_tls_refused counter",
    "hopgate_would_deny counter",
];

async fn health(gate: &Gate, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(gate.channel()).check(request).await.expect("an answer").into_inner().status()
}

#[tokio::test(flavor = "multi_thread")]
async fn alive_at_once_and_ready_only_with_keys() {
    let server = KeyServer::start().await;
    let key = hopgate::dev::keys::SigningKey::generate(jsonwebtoken::Algorithm::ES256).expect("a key");
    let issuer = json!({ "issuer": server.issuer(), "jwks": { "uri": server.url("/jwks") } });
    let gate = Plan::new().set("/issuers/0", issuer).start();
    assert_eq!((gate.admin_get("/livez").status, gate.admin_get("/livez").text()), (200, "ok\n".to_owned()));
    eventually("the first fetch", async || (server.asked("/jwks") > 0).then_some(())).await;
    eventually("its failure", async || gate.admin_get("/readyz").text().contains("no issuer has keys").then_some(()))
        .await;
    assert_eq!(gate.admin_get("/readyz").status, 503);
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        assert_eq!(health(&gate, service).await, ServingStatus::NotServing, "{service}");
    }
    server.keys(&[key.jwk()]);
    gate.until_ready().await;
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        let serving = async || (health(&gate, service).await == ServingStatus::Serving).then_some(());
        eventually("health to follow readiness", serving).await;
    }
    assert!((gate.metric(&format!("hopgate_issuer_keys{{issuer=\"{}\"}}", server.issuer())) - 1.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_key_file_ready_at_once() {
    let gate = Plan::new().start();
    assert_eq!(gate.admin_get("/readyz").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there_from_the_start_at_zero_and_nothing_from_a_token_becomes_a_label() {
    let gate = Plan::new().start();
    let response = gate.admin_get("/metrics");
    assert_eq!(response.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let text = response.text();
    let mut types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    types.sort_unstable();
    assert_eq!(types, METRICS);
    assert!(text.ends_with("# EOF\n"));
    for reason in hopgate::authz::Reason::ALL {
        let series = format!(
            "hopgate_decisions_total{{decision=\"deny\",reason=\"{}\",check=\"{}\"}}",
            reason.code(),
            reason.check()
        );
        assert!(gate.metric(&series).abs() < 0.5, "{series}");
    }
    let series = |text: &str| {
        let names = text.lines().filter(|line| !line.starts_with('#'));
        names.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    for n in 0..20 {
        let token = crate::support::tokens::with("iss", json!(format!("https://{n}.evil.example")));
        gate.get(&format!("/{n}"), &gate.mint(&token)).await;
        gate.get("/open", &gate.mint(&token.claim("sub", json!(format!("s{n}"))))).await;
    }
    assert_eq!(series(&gate.metrics()), series(&text), "labels are closed sets");
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_counted_by_reason() {
    let gate = Plan::new().start();
    for path in ["/open", "/open", "/nowhere", "//"] {
        gate.get(path, &gate.token()).await;
    }
    for (labels, count) in [
        (r#"decision="allow",reason="",check="""#, 2.0),
        (r#"decision="deny",reason="route_unknown",check="route""#, 1.0),
        (r#"decision="deny",reason="path_ambiguous",check="request""#, 1.0),
    ] {
        let found = gate.metric(&format!("hopgate_decisions_total{{{labels}}}"));
        assert!((found - count).abs() < 0.5, "{labels}: {found}");
    }
    assert!((gate.metric("hopgate_decision_duration_seconds_count") - 4.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_port_only_reads() {
    let gate = Plan::new().start();
    for (method, path, status) in [
        ("POST", "/livez", 405),
        ("DELETE", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/debug", 404),
        ("GET", "/config", 404),
        ("GET", "/../livez", 404),
    ] {
        let response = crate::support::http::request(gate.admin(), method, path, &[]);
        assert_eq!(response.status, status, "{method} {path}");
    }
}
