//! The sidecars that the chart configures and the injector adds, run as they stand.

use std::fs;
use std::process::Command;

use hopgate::dev::certs::MeshCa;
use serde_json::json;
use tempfile::TempDir;
use testbed::envoy::binary;

use super::helm::{example, object, template};
use super::pod::{Pod, TRUST_DOMAIN};
use crate::support::tokens::of;
use crate::support::{Plan, eventually, http, spiffe};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_passes_the_rendered_sidecar_and_a_stolen_token_does_not() {
    let mut pod = Pod::start(Plan::new(), json!({})).await;
    let delegated = format!("Bearer {}", pod.gate.mint(&of("alice").actors(["planner", "researcher"])));
    for (agent, status) in [("planner", 200), ("researcher", 401)] {
        let caller = pod.caller(agent);
        let address = caller.address("egress").unwrap();
        let response = http::request(address, "GET", "/bound", &[("authorization", delegated.as_bytes())]);
        assert_eq!(response.status, status, "{agent}: {response:?}");
        let record = pod.gate.record_where(|record| record["peer"] == spiffe(agent));
        assert_eq!(record["service"], "invoices", "{record}");
        let escaped = http::request(address, "GET", "/invoices%2f7", &[("authorization", delegated.as_bytes())]);
        assert_eq!(escaped.status, 400, "{escaped:?}");
    }
    assert_eq!(http::get(pod.status, "/stats/prometheus").status, 200);
    for (method, path) in [
        ("GET", "/quitquitquit"),
        ("POST", "/healthz/ready"),
        ("GET", "/ready"),
        ("POST", "/quitquitquit"),
        ("GET", "/config_dump"),
    ] {
        assert_eq!(http::request(pod.status, method, path, &[]).status, 404, "{method} {path}");
    }
    pod.envoy.check_running().expect("still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_a_certificate_of_the_mesh() {
    let pod = Pod::start(Plan::new(), json!({})).await;
    let other = TempDir::new().unwrap();
    MeshCa::generate(TRUST_DOMAIN).unwrap().write(other.path(), &[spiffe("planner")]).unwrap();
    let stranger = pod.caller_with(other.path(), "planner");
    assert_eq!(http::get(stranger.address("egress").unwrap(), "/open").status, 503);
    assert!(pod.gate.service.lines().is_empty(), "hopgate was not even asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_hopgate_the_rendered_sidecar_answers_503() {
    let mut pod = Pod::start(Plan::new(), json!({})).await;
    let planner = pod.caller("planner");
    let token = format!("Bearer {}", pod.gate.token());
    let address = planner.address("egress").unwrap();
    let ask = || http::request(address, "GET", "/open", &[("authorization", token.as_bytes())]).status;
    assert_eq!(ask(), 200);
    pod.gate.service.kill().unwrap();
    assert_eq!(ask(), 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_without_a_restart() {
    let pod = Pod::start(Plan::new(), json!({})).await;
    // The same authority, another name: callers that expect `invoices` will no longer find it.
    pod.renew(&pod.certificates(), "researcher");
    let token = format!("Bearer {}", pod.gate.token());
    eventually("the new certificate", async || {
        let caller = pod.caller("planner");
        let address = caller.address("egress").unwrap();
        let status = http::request(address, "GET", "/open", &[("authorization", token.as_bytes())]).status;
        (status == 503).then_some(())
    })
    .await;
}

/// Envoy looks for the files of its listeners only after its start, and would be ready without them.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_certificate_is_missing_the_rendered_sidecar_does_not_start() {
    let pod = Pod::start(Plan::new(), json!({})).await;
    let folder = pod.gate.plan.dir.root();
    for file in ["ca.crt", "tls.crt", "tls.key"] {
        fs::remove_file(folder.join("hopgate-certificate").join(file)).unwrap();
        let mut program = Command::new(binary().unwrap());
        program.args(["--mode", "validate", "-c"]).arg(folder.join("hopgate-envoy-config/envoy.yaml"));
        let output = program.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(file), "{file}: {said}");
        pod.renew(&pod.certificates(), "invoices");
        assert!(program.output().unwrap().status.success(), "{file} is back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_out_shows_the_workloads_own_certificate() {
    let called = Pod::start(Plan::new(), json!({})).await;
    let upstreams = json!({ "billing": {
        "address": "127.0.0.1", "port": called.inbound.port(), "hosts": ["billing.agents.svc.cluster.local"], "spiffe": spiffe("invoices"),
    } });
    let calling = Pod::start(Plan::new(), upstreams).await;
    // One mesh: the second pod gets a certificate of the first one's authority.
    calling.renew(&called.certificates(), "researcher");
    let own = of("researcher").client_id("researcher");
    let token = format!("Bearer {}", called.gate.mint(&own));
    let headers: [(&str, &[u8]); 2] = [("authorization", token.as_bytes()), ("host", b"billing")];
    eventually("the way out with that certificate", async || {
        (http::request(calling.egress, "GET", "/bound", &headers).status == 200).then_some(())
    })
    .await;
    let elsewhere: [(&str, &[u8]); 2] = [("authorization", token.as_bytes()), ("host", b"elsewhere.example")];
    assert_eq!(http::request(calling.egress, "GET", "/bound", &elsewhere).status, 404);
}

/// `INSTA_UPDATE=always cargo test --test chart` writes it anew, as with snapshots.
#[test]
fn the_sample_for_envoy_by_hand_is_what_the_chart_renders() {
    const FILE: &str = "k8s/envoy/sidecar.yaml";
    let objects = template(&example("sidecar")).expect("rendered");
    let rendered = object(&objects, "ConfigMap", "invoices")["data"]["envoy.yaml"].as_str().unwrap();
    let head = "# An Envoy before one service: mTLS in, one Check for every call, and a way out with its own certificate.\n\
                # It is what the chart renders for k8s/values/sidecar.yaml; docs/envoy.md says more about each line.\n";
    let wanted = format!("{head}{rendered}\n");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(FILE, &wanted).expect("written");
    }
    assert_eq!(fs::read_to_string(FILE).expect("the sample").trim(), wanted.trim());
}
