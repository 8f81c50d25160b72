//! The real `hopgate inject`, asked as an API server asks.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hopgate::dev::certs::{Leaf, MeshCa};
use json_patch::Patch;
use serde_json::Value;
use tempfile::TempDir;
use testbed::{Service, ports};

use super::pods::{self, SETTINGS};
use crate::support::gate::command;
use crate::support::{SOON, eventually};

pub(crate) struct Webhook {
    pub(crate) service: Service,
    pub(crate) ca: MeshCa,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) dir: TempDir,
}

/// What the API server makes of an answer.
#[derive(Debug)]
pub(crate) struct Reviewed {
    pub(crate) status: u16,
    pub(crate) review: Value,
}

impl Webhook {
    pub(crate) async fn start() -> Self {
        Self::start_with(SETTINGS).await
    }

    pub(crate) async fn start_with(settings: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let ca = MeshCa::generate("demo.local").expect("a CA");
        std::fs::write(dir.path().join("inject.yaml"), settings).expect("written");
        mount_secret(dir.path(), "first", &leaf(&ca));
        let address = ports::free().expect("a port");
        let mut program = command();
        program.arg("inject");
        for (flag, file) in [("--settings", "inject.yaml"), ("--certificate", "tls/tls.crt"), ("--key", "tls/tls.key")]
        {
            program.arg(flag).arg(dir.path().join(file));
        }
        program.args(["--listen", &address.to_string()]);
        let service = Service::start("hopgate inject", program).expect("a process");
        let webhook = Self { service, ca, address, dir };
        eventually("the webhook", async || webhook.get("/readyz").await.filter(|(status, _)| *status == 200)).await;
        webhook
    }

    /// A client that trusts the CA as the webhook's `caBundle`, with a connection of its own.
    pub(crate) fn client(&self) -> reqwest::Client {
        client(&self.ca)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let response = self.client().get(self.url(path)).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Reviewed {
        let request = self.client().post(self.url(path)).header("content-type", "application/json").body(body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json");
        Reviewed { status, review: response.json().await.expect("JSON") }
    }

    /// Asks to create `pod`.
    pub(crate) async fn review(&self, pod: &Value) -> Reviewed {
        self.post("/mutate?timeout=10s", pods::review_of(pod).to_string()).await
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        let lines = self.service.stderr().expect("stderr");
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

pub(crate) fn client(ca: &MeshCa) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(ca.ca_pem().as_bytes()).expect("a certificate");
    reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .timeout(SOON)
        .connect_timeout(Duration::from_secs(5))
        .build()
        .expect("a client")
}

pub(crate) fn leaf(ca: &MeshCa) -> Leaf {
    ca.issue("spiffe://demo.local/ns/hopgate-system/sa/hopgate-injector").expect("a certificate")
}

/// A Secret as the kubelet mounts and replaces it: files behind a link, which is moved.
pub(crate) fn mount_secret(root: &Path, version: &str, leaf: &Leaf) {
    let tls = root.join("tls");
    let data = tls.join(format!("..{version}"));
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::write(data.join("tls.crt"), &leaf.cert_pem).expect("written");
    std::fs::write(data.join("tls.key"), &leaf.key_pem).expect("written");
    swap(&tls, &PathBuf::from(format!("..{version}")));
    for file in ["tls.crt", "tls.key"] {
        let link = tls.join(file);
        if link.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(Path::new("..data").join(file), link).expect("a link");
        }
    }
}

fn swap(tls: &Path, to: &Path) {
    let beside = tls.join("..data_tmp");
    std::os::unix::fs::symlink(to, &beside).expect("a link");
    std::fs::rename(beside, tls.join("..data")).expect("moved");
}

impl Reviewed {
    /// As `VerifyAdmissionResponse` of the API server reads it: what it would take for a failed call panics here.
    pub(crate) fn response(&self) -> &Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.any_response()
    }

    /// Also of an answer whose status makes it a failed call.
    pub(crate) fn any_response(&self) -> &Value {
        assert_eq!(self.review["kind"], "AdmissionReview");
        assert_eq!(self.review["apiVersion"], "admission.k8s.io/v1");
        let response = &self.review["response"];
        assert!(response["uid"].is_string() && response["allowed"].is_boolean(), "{self:?}");
        assert_eq!(response["patch"].is_string(), response["patchType"] == "JSONPatch", "{self:?}");
        response
    }

    pub(crate) fn allowed(&self) -> bool {
        let response = self.response();
        assert_eq!(response["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
        response["allowed"] == true
    }

    pub(crate) fn patch(&self) -> Option<Patch> {
        assert!(self.allowed(), "{self:?}");
        let patch = self.response()["patch"].as_str()?;
        Some(serde_json::from_slice(&STANDARD.decode(patch).expect("base64")).expect("a patch"))
    }

    /// Why it was not allowed.
    pub(crate) fn refusal(&self) -> &str {
        assert!(!self.allowed(), "{self:?}");
        self.response()["status"]["message"].as_str().expect("a message")
    }
}
