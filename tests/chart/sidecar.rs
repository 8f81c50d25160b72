//! The configuration that the chart renders for a workload, run as it stands: its hopgate and its Envoy, with nothing replaced but
//! folders and ports, which a pod has for itself.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use hopgate::dev::certs::MeshCa;
use serde_json::{Value, json};
use testbed::envoy::{Config, Envoy, Identity, Listener, Mtls, Upstream, binary};
use testbed::{Service, ports};

use super::helm::{example, object, template};
use crate::support::mesh::echo;
use crate::support::tokens::of;
use crate::support::{Gate, Plan, SOON, eventually, gate, http, spiffe};

const TRUST_DOMAIN: &str = "demo.local";

/// What the chart makes of `plan`, as the one workload `invoices`.
fn data(plan: &Plan, port: u16, upstreams: &Value) -> serde_json::Map<String, Value> {
    let mut config = plan.config.clone();
    for placed in ["listen", "admin"] {
        config.as_object_mut().unwrap().remove(placed);
    }
    let keys = fs::read_to_string(plan.dir.root().join("keys.json")).expect("the keys");
    let values = json!({
        "sidecar": { "trustDomain": TRUST_DOMAIN },
        "workloads": { "invoices": {
            "namespace": "agents", "port": port, "config": config, "policies": { "keys.json": keys }, "upstreams": upstreams,
        } },
    });
    let objects = template(&values).expect("rendered");
    object(&objects, "ConfigMap", "invoices")["data"].as_object().expect("files").clone()
}

/// A pod: its folders and ports, with the two sidecars running.
struct Pod {
    gate: Gate,
    envoy: Service,
    inbound: SocketAddr,
    status: SocketAddr,
    egress: Option<SocketAddr>,
}

impl Pod {
    async fn start(plan: Plan, upstreams: Value) -> Self {
        let service = echo().await.address;
        let mut data = data(&plan, service.port(), &upstreams);
        let root = plan.dir.root().to_owned();
        let mesh = root.join("mesh");
        MeshCa::generate(TRUST_DOMAIN)
            .unwrap()
            .write(&root.join("ca"), &["planner", "researcher", "invoices"].map(spiffe))
            .unwrap();
        secret(&root.join("ca"), "invoices", &mesh);
        let ports = [ports::free(), ports::free(), ports::free()].map(Result::unwrap);
        let [inbound, status, egress] = ports;
        let config = root.join("config");
        fs::create_dir(&config).unwrap();
        let run = plan.socket().parent().unwrap().to_owned();
        let places = [
            ("/run/hopgate/check.sock", plan.socket()),
            ("/run/hopgate-envoy", run),
            ("/etc/hopgate-envoy", config.clone()),
            ("/etc/mesh", mesh),
        ];
        for (name, text) in &mut data {
            let mut moved = text.as_str().unwrap().to_owned();
            for (there, here) in &places {
                moved = moved.replace(there, here.to_str().unwrap());
            }
            for (there, here) in [(15443, inbound), (15021, status), (15001, egress)] {
                moved = moved.replace(&format!("port_value: {there} "), &format!("port_value: {} ", here.port()));
            }
            moved = moved.replace("admin: 0.0.0.0:9902", &format!("admin: {}", plan.admin));
            // The service's port is another test's; all else that a pod has for itself was replaced.
            for left in ["/run/", "/etc/", ": 15443", ": 15021", ": 15001", "9902"] {
                assert!(!moved.contains(left), "{name} still names {left}");
            }
            let file = if name == "hopgate.yaml" { plan.file() } else { config.join(name) };
            fs::write(file, moved).unwrap();
        }
        let envoy = envoy(&config.join("envoy.yaml"));
        let gate = Gate::start_as_written(plan, gate::command());
        let egress = upstreams.as_object().is_some_and(|upstreams| !upstreams.is_empty()).then_some(egress);
        let pod = Self { gate, envoy, inbound, status, egress };
        eventually("the readiness that the kubelet asks for", async || {
            ports::wait_for_tcp(status, SOON).expect("the status port");
            (http::get(status, "/healthz/ready").status == 200).then_some(())
        })
        .await;
        pod
    }

    /// An Envoy of the workload `agent`, that calls this pod.
    fn caller(&self, agent: &str) -> Envoy {
        let ca = self.gate.plan.dir.root().join("ca");
        let file = |end: &str| ca.join(format!("{agent}{end}.pem"));
        let identity = Identity { certificate: file(""), key: file("-key") };
        let mtls = Mtls::new(identity, TRUST_DOMAIN, ca.join("ca.pem")).only(spiffe("invoices"));
        let to = Upstream { mtls: Some(mtls), ..Upstream::at(self.inbound) };
        Envoy::start(&Config::new(agent).listener(Listener::egress("egress", to))).expect("an Envoy")
    }
}

/// The files of a Secret of a certificate, as the kubelet places them: behind a link that is replaced whole.
fn secret(ca: &Path, agent: &str, mesh: &Path) {
    let version = mesh.join(format!("..{agent}"));
    fs::create_dir_all(&version).unwrap();
    for (from, to) in
        [(format!("{agent}.pem"), "tls.crt"), (format!("{agent}-key.pem"), "tls.key"), ("ca.pem".into(), "ca.crt")]
    {
        fs::copy(ca.join(from), version.join(to)).unwrap();
    }
    let beside = mesh.join("..data_tmp");
    std::os::unix::fs::symlink(version.file_name().unwrap(), &beside).unwrap();
    fs::rename(&beside, mesh.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        if !mesh.join(name).exists() {
            std::os::unix::fs::symlink(PathBuf::from("..data").join(name), mesh.join(name)).unwrap();
        }
    }
}

fn envoy(config: &Path) -> Service {
    let checked = Command::new(binary().unwrap()).args(["--mode", "validate", "-c"]).arg(config).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let mut command = Command::new(binary().unwrap());
    command.arg("-c").arg(config).args(["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]);
    Service::start("the injected Envoy", command).expect("a process")
}

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
async fn nobody_comes_in_without_a_certificate_of_the_trust_domain() {
    let pod = Pod::start(Plan::new(), json!({})).await;
    let other = tempfile::TempDir::new().unwrap();
    MeshCa::generate(TRUST_DOMAIN).unwrap().write(other.path(), &[spiffe("planner")]).unwrap();
    let ca = pod.gate.plan.dir.root().join("ca");
    let identity =
        Identity { certificate: other.path().join("planner.pem"), key: other.path().join("planner-key.pem") };
    let mtls = Mtls::new(identity, TRUST_DOMAIN, ca.join("ca.pem")).only(spiffe("invoices"));
    let to = Upstream { mtls: Some(mtls), ..Upstream::at(pod.inbound) };
    let stranger = Envoy::start(&Config::new("stranger").listener(Listener::egress("egress", to))).unwrap();
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
    let root = pod.gate.plan.dir.root();
    // The same authority, another name: callers that expect `invoices` will no longer find it.
    secret(&root.join("ca"), "researcher", &root.join("mesh"));
    let token = format!("Bearer {}", pod.gate.token());
    eventually("the new certificate", async || {
        let caller = pod.caller("planner");
        let address = caller.address("egress").unwrap();
        let status = http::request(address, "GET", "/open", &[("authorization", token.as_bytes())]).status;
        (status == 503).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_out_shows_the_workloads_own_certificate() {
    let called = Pod::start(Plan::new(), json!({})).await;
    let upstreams = json!({ "billing": {
        "address": "127.0.0.1", "port": called.inbound.port(), "hosts": ["billing.agents.svc.cluster.local"], "spiffe": spiffe("invoices"),
    } });
    let calling = Pod::start(Plan::new(), upstreams).await;
    // One mesh: the second pod gets a certificate of the first one's authority.
    let (first, second) = (called.gate.plan.dir.root().join("ca"), calling.gate.plan.dir.root().join("mesh"));
    secret(&first, "researcher", &second);
    let egress = calling.egress.expect("a way out");
    let own = of("researcher").client_id("researcher");
    let token = format!("Bearer {}", called.gate.mint(&own));
    let headers: [(&str, &[u8]); 2] = [("authorization", token.as_bytes()), ("host", b"billing")];
    eventually("the way out with that certificate", async || {
        (http::request(egress, "GET", "/bound", &headers).status == 200).then_some(())
    })
    .await;
    let elsewhere: [(&str, &[u8]); 2] = [("authorization", token.as_bytes()), ("host", b"elsewhere.example")];
    assert_eq!(http::request(egress, "GET", "/bound", &elsewhere).status, 404);
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
