//! A hopgate that serves over TLS, with its certificates where a Secret has them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use serde_json::json;
use testbed::ports;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use crate::support::authority::{Authority, Identity};
use crate::support::{Answer, Call, Gate, Plan, eventually, spiffe};

/// The server's own name.
pub(crate) const SERVER: &str = "spiffe://demo.local/ns/hopgate/sa/hopgate";

pub(crate) struct Stage {
    pub(crate) gate: Gate,
    pub(crate) address: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) server: Identity,
}

/// The one listed client.
pub(crate) fn gateway() -> String {
    spiffe("gateway")
}

/// A plan that serves TLS on every address of this machine, with good files.
pub(crate) fn plan() -> (Plan, SocketAddr, Authority, Identity) {
    let port = ports::free().expect("a port").port();
    let plan = Plan::new().set("/listen", json!(format!("0.0.0.0:{port}"))).set(
        "/tls",
        json!({
            "certificate_file": "secret/tls.crt", "key_file": "secret/tls.key", "client_ca_file": "secret/ca.crt",
            "clients": [gateway()],
        }),
    );
    let authority = Authority::new("the mesh");
    let server = authority.issue(&[SERVER]);
    mount(&plan, &server.pem, &server.key_pem, &authority.pem());
    (plan, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), authority, server)
}

/// Puts the three files in the folder `secret`, all at once, as Kubernetes does.
pub(crate) fn mount(plan: &Plan, certificate: &str, key: &str, client_ca: &str) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let folder = plan.dir.root().join("secret");
    let version = format!("..{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    fs::create_dir_all(folder.join(&version)).expect("a folder");
    for (name, text) in [("tls.crt", certificate), ("tls.key", key), ("ca.crt", client_ca)] {
        fs::write(folder.join(&version).join(name), text).expect("written");
        let link = folder.join(name);
        if !link.is_symlink() {
            symlink(Path::new("..data").join(name), link).expect("a link");
        }
    }
    symlink(&version, folder.join("..data_tmp")).expect("a link");
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("moved");
}

impl Stage {
    pub(crate) fn start() -> Self {
        Self::with(|plan| plan)
    }

    pub(crate) fn with(change: impl FnOnce(Plan) -> Plan) -> Self {
        let (plan, address, authority, server) = plan();
        Self { gate: change(plan).start(), address, authority, server }
    }

    /// Other files, all at once.
    pub(crate) fn mount(&self, certificate: &str, key: &str, client_ca: &str) {
        mount(&self.gate.plan, certificate, key, client_ca);
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.gate.plan.dir.root().join(name)
    }

    /// The listed client's certificate.
    pub(crate) fn listed(&self) -> Identity {
        self.authority.issue(&[&gateway()])
    }

    /// A connection for each first call, and for each call after one that was lost.
    pub(crate) fn channel(&self, shows: Option<&Identity>) -> Channel {
        channel(self.address, self.authority.client(shows))
    }

    /// Asks for `GET /open` with a good token.
    pub(crate) async fn ask(&self, channel: &Channel) -> Result<Answer, Status> {
        let message = Call::get("/open").bearer(&self.gate.token()).message();
        let mut client = AuthorizationClient::new(channel.clone());
        client.check(message).await.map(|answer| Answer::of(answer.into_inner()))
    }

    pub(crate) async fn verdict(&self, channel: &Channel) -> String {
        self.ask(channel).await.expect("an answer").verdict()
    }

    pub(crate) fn refused(&self, reason: &str) -> f64 {
        self.gate.metric(&refused_series(reason))
    }

    pub(crate) async fn until_refused(&self, reason: &str, times: f64) {
        self.gate.until_metric(&refused_series(reason), times).await;
    }

    pub(crate) async fn until_refused_more(&self, reason: &str, before: f64, what: &str) {
        let what = format!("`{reason}` to grow for: {what}");
        eventually(&what, async || (self.refused(reason) > before + 0.5).then_some(())).await;
    }

    /// How many checks were decided, in whatever way.
    pub(crate) fn decisions(&self) -> f64 {
        self.gate.metric("hopgate_decision_duration_seconds_count")
    }
}

fn refused_series(reason: &str) -> String {
    format!("hopgate_tls_refused_total{{reason=\"{reason}\"}}")
}

pub(crate) async fn connect(address: SocketAddr, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

pub(crate) fn channel(address: SocketAddr, config: ClientConfig) -> Channel {
    let connector = tower::service_fn(move |_: http::Uri| {
        let config = config.clone();
        async move { connect(address, config).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(connector)
}
