//! A pod as the cluster would have it, on this machine: the example's pod, injected as the chart's settings say, with the
//! `ConfigMap` that the chart renders.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use hopgate::dev::certs::MeshCa;
use hopgate::inject;
use serde_json::{Value, json};
use testbed::envoy::{Config, Envoy, Identity, Listener, Mtls, Upstream, binary};
use testbed::{Service, ports};

use super::helm::{object, template};
use crate::support::container::Local;
use crate::support::mesh::echo;
use crate::support::{Gate, Plan, SOON, gate, spiffe};

pub(crate) const TRUST_DOMAIN: &str = "demo.local";

/// What the chart makes of `plan`, as the one workload `invoices`.
pub(crate) fn rendered(plan: &Plan, port: u16, upstreams: &Value) -> Vec<Value> {
    let mut config = plan.config.clone();
    for placed in ["listen", "admin"] {
        config.as_object_mut().unwrap().remove(placed);
    }
    let keys = fs::read_to_string(plan.dir.root().join("keys.json")).expect("the keys");
    template(&json!({
        "sidecar": {
            "trustDomain": TRUST_DOMAIN,
            "certificate": { "csi": { "driver": "spiffe.csi.cert-manager.io", "readOnly": true } },
        },
        "workloads": { "invoices": {
            "namespace": "agents", "port": port, "config": config, "policies": { "keys.json": keys }, "upstreams": upstreams,
        } },
    }))
    .expect("rendered")
}

/// The pod that the example's Deployment makes.
pub(crate) fn example_pod() -> Value {
    let text = fs::read_to_string("k8s/example/invoices.yaml").expect("the example");
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    let template = &object(&objects, "Deployment", "invoices")["spec"]["template"];
    let mut pod =
        json!({ "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"] });
    pod["metadata"]["generateName"] = json!("invoices-7d9c-");
    pod
}

/// The pod with what `hopgate inject` adds under the chart's settings.
fn injected(objects: &[Value], dir: &Path) -> Value {
    let file = dir.join("inject.yaml");
    let settings = &object(objects, "ConfigMap", "hopgate-injector")["data"]["inject.yaml"];
    fs::write(&file, settings.as_str().unwrap()).unwrap();
    let mut pod = example_pod();
    let injection = inject::inject(&pod, &inject::load(&file).expect("good settings")).expect("injected");
    json_patch::patch(&mut pod, &injection.patch).expect("a good patch");
    pod
}

/// Its two sidecars, running.
pub(crate) struct Pod {
    pub(crate) gate: Gate,
    pub(crate) envoy: Service,
    pub(crate) inbound: SocketAddr,
    pub(crate) status: SocketAddr,
    /// The way out, if there are upstreams.
    pub(crate) egress: SocketAddr,
}

impl Pod {
    pub(crate) async fn start(plan: Plan, upstreams: Value) -> Self {
        let service = echo().await.address;
        let objects = rendered(&plan, service.port(), &upstreams);
        let root = plan.dir.root().to_owned();
        let ids = ["planner", "researcher", "invoices"].map(spiffe);
        MeshCa::generate(TRUST_DOMAIN).unwrap().write(&root.join("ca"), &ids).unwrap();
        let pod = injected(&objects, &root);
        let sidecars = pod["spec"]["initContainers"].as_array().expect("sidecars");
        let [hopgate, envoy] = ["hopgate", "hopgate-envoy"].map(|name| {
            Local::new(sidecars.iter().find(|sidecar| sidecar["name"] == name).expect("the sidecar"), &root)
        });
        let egress = ports::free().unwrap();
        let files = object(&objects, "ConfigMap", "invoices")["data"].as_object().expect("files");
        for (name, text) in files {
            let text = text.as_str().unwrap();
            for (container, mounted) in [(&hopgate, "/etc/hopgate"), (&envoy, "/etc/hopgate-envoy")] {
                fs::write(container.path(&format!("{mounted}/{name}")), moved(name, text, container, egress)).unwrap();
            }
        }
        secret(&root.join("ca"), "invoices", Path::new(&envoy.folders["/etc/mesh"]));
        let mut process = hopgate.start(gate::command());
        hopgate.succeed(&mut process).await;
        ports::wait_for_unix(Path::new(&hopgate.path("/run/hopgate/check.sock")), SOON).expect("the socket");
        let config = envoy.path("/etc/hopgate-envoy/envoy.yaml");
        let checked = Command::new(binary().unwrap()).args(["--mode", "validate", "-c", &config]).output().unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let mut running = envoy.start(Command::new(binary().unwrap()));
        envoy.succeed(&mut running).await;
        let gate = Gate { service: process, plan };
        Self { gate, envoy: running, inbound: envoy.ports[&15443], status: envoy.ports[&15021], egress }
    }

    /// An Envoy of the workload `agent`, that calls this pod.
    pub(crate) fn caller(&self, agent: &str) -> Envoy {
        let ca = self.gate.plan.dir.root().join("ca");
        self.caller_with(&ca, agent)
    }

    /// The same with the certificate of `agent` in another folder.
    pub(crate) fn caller_with(&self, certificates: &Path, agent: &str) -> Envoy {
        let file = |end: &str| certificates.join(format!("{agent}{end}.pem"));
        let identity = Identity { certificate: file(""), key: file("-key") };
        let authority = self.gate.plan.dir.root().join("ca/ca.pem");
        let mtls = Mtls::new(identity, TRUST_DOMAIN, authority).only(spiffe("invoices"));
        let to = Upstream { mtls: Some(mtls), ..Upstream::at(self.inbound) };
        Envoy::start(&Config::new(agent).listener(Listener::egress("egress", to))).expect("an Envoy")
    }

    /// Gives the pod the certificate of another workload.
    pub(crate) fn renew(&self, certificates: &Path, agent: &str) {
        secret(certificates, agent, &self.gate.plan.dir.root().join("hopgate-certificate"));
    }

    /// Where [`MeshCa`] put the certificates.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.gate.plan.dir.root().join("ca")
    }
}

/// A rendered file with this machine's folders and ports.
fn moved(name: &str, text: &str, container: &Local, egress: SocketAddr) -> String {
    let mut moved = text.to_owned();
    // The longest first: `/run/hopgate` is the beginning of another.
    for (there, here) in container.folders.iter().rev() {
        moved = moved.replace(there.as_str(), here);
    }
    for (there, here) in container.ports.iter().chain([(&15001, &egress)]) {
        moved = moved.replace(&format!("port_value: {there} "), &format!("port_value: {} ", here.port()));
        moved = moved.replace(&format!("0.0.0.0:{there}"), &here.to_string());
    }
    let own = if container.container["name"] == "hopgate" { name == "hopgate.yaml" } else { name == "envoy.yaml" };
    for left in ["/run/hopgate", "/etc/", ": 15443", ": 15021", ": 15001", "9902"] {
        assert!(!own || !moved.contains(left), "{name} still names {left}");
    }
    moved
}

/// The files of a certificate, as the kubelet places those of a Secret: behind a link that is replaced whole.
fn secret(certificates: &Path, agent: &str, mesh: &Path) {
    let version = mesh.join(format!("..{agent}"));
    fs::create_dir_all(&version).unwrap();
    let (certificate, key) = (format!("{agent}.pem"), format!("{agent}-key.pem"));
    for (from, to) in [(certificate.as_str(), "tls.crt"), (&key, "tls.key"), ("ca.pem", "ca.crt")] {
        fs::copy(certificates.join(from), version.join(to)).unwrap();
    }
    let beside = mesh.join("..data_tmp");
    std::os::unix::fs::symlink(version.file_name().unwrap(), &beside).unwrap();
    fs::rename(&beside, mesh.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        if !mesh.join(name).is_symlink() {
            std::os::unix::fs::symlink(PathBuf::from("..data").join(name), mesh.join(name)).unwrap();
        }
    }
}
