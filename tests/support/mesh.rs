//! A real Envoy in front of a service that echoes, with hopgate at its side.

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;

use hopgate::dev::certs::MeshCa;
use hopgate::dev::echo;
use serde_json::Value;
use testbed::envoy::{Config, Envoy, ExtAuthz, Identity, Listener, Mtls, Route, Upstream, wait_for_access};
use tokio::net::TcpListener;

use super::{Gate, Plan, SOON, http, spiffe};

pub(crate) struct Mesh {
    pub(crate) envoy: Envoy,
    pub(crate) gate: Gate,
    pub(crate) address: SocketAddr,
    access_log: PathBuf,
}

/// A service that answers with the request it got.
pub(crate) async fn echo() -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(echo::serve(listener, pending()));
    Upstream::at(address)
}

impl Mesh {
    /// One listener; `raw` is Envoy's `encode_raw_headers`.
    pub(crate) async fn start(plan: Plan, raw: bool) -> Self {
        Self::with(plan, |listener, filter| {
            filter.encode_raw_headers = raw;
            let _ = listener;
        })
        .await
    }

    pub(crate) async fn with(plan: Plan, change: impl FnOnce(&mut Listener, &mut ExtAuthz)) -> Self {
        let mut filter = ExtAuthz::at(plan.socket());
        let access_log = plan.dir.root().join("access.log");
        let mut listener = Listener::new("inbound");
        listener.routes = vec![Route::to(echo().await)];
        listener.access_log = Some(access_log.clone());
        change(&mut listener, &mut filter);
        listener.authorization = filter.into();
        let gate = plan.start();
        let envoy = Envoy::start(&Config::new("invoices").listener(listener)).expect("a running Envoy");
        let address = envoy.address("inbound").expect("the listener");
        Self { envoy, gate, address, access_log }
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> http::Response {
        self.request("GET", path, &[("authorization", format!("Bearer {token}").as_bytes())])
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &[u8])]) -> http::Response {
        http::request(self.address, method, path, headers)
    }

    /// The access log's line of the request whose decision has this id.
    pub(crate) fn access(&self, decision_id: &str) -> Value {
        wait_for_access(&self.access_log, SOON, |line| line["authz"]["decision_id"] == *decision_id).expect("a line")
    }
}

/// Certificates of `demo.local` for these agents, in the plan's folder.
pub(crate) fn certificates(plan: &Plan, agents: &[&str]) -> impl Fn(&str) -> Mtls + use<> {
    let dir = plan.dir.root().join("certs");
    let ids: Vec<String> = agents.iter().map(|agent| spiffe(agent)).collect();
    MeshCa::generate("demo.local").expect("a CA").write(&dir, &ids).expect("written");
    move |agent| {
        let file = |end: &str| dir.join(format!("{agent}{end}.pem"));
        Mtls::new(Identity { certificate: file(""), key: file("-key") }, "demo.local", dir.join("ca.pem"))
    }
}
