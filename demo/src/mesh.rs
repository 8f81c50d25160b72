//! The mesh: an issuer, and planner → researcher → invoices, each behind its own Envoy with its own hopgate.
//!
//! ```text
//! console ══▶ Envoy ─▶ planner ─▶ Envoy ══▶ Envoy ─▶ researcher ─▶ Envoy ══▶ Envoy ─▶ invoices
//!               │ hopgate           egress     │ hopgate              egress    │ hopgate
//! ```
//! ══ is mutual TLS with SPIFFE ids. An egress and the inbound listener beside it are one Envoy.

use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hopgate::dev::echo;
use hopgate::dev::issuer::{Issuer, IssuerConfig};
use hopgate::dev::keys::SigningKey;
use testbed::envoy::{Config, Envoy, ExtAuthz, Hcm, Listener, RequestBody, Route, Upstream};
use tokio::net::TcpListener;
use tokio::task::{JoinSet, block_in_place};

use crate::Fault;
use crate::agent::{self, Agent, NextHop};
use crate::folder::Folder;
use crate::names::Workload;
use crate::sidecar::Sidecar;
use crate::tokens::{AtIssuer, secret};

const INBOUND: &str = "inbound";
const EGRESS: &str = "egress";
/// A second way in to invoices, whose Envoy hands on every path as it came, and of a long body the start: what an
/// operator gets who forgets `normalize_path`, or sets `allow_partial_message`.
const RAW: &str = "raw";

pub(crate) struct Mesh {
    pub(crate) issuer: Issuer,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) planner: Hop,
    pub(crate) researcher: Hop,
    pub(crate) invoices: Hop,
    pub(crate) folder: Folder,
    /// The issuer, the agents and the echo: they end with the mesh.
    _tasks: JoinSet<std::io::Result<()>>,
}

/// A service behind its Envoy and its hopgate.
pub(crate) struct Hop {
    pub(crate) envoy: Envoy,
    pub(crate) sidecar: Sidecar,
    pub(crate) address: SocketAddr,
    /// Where paths are not normalized; invoices only.
    pub(crate) raw: Option<SocketAddr>,
}

impl Mesh {
    pub(crate) async fn start(keep: bool) -> Result<Self, Fault> {
        // Before anything runs: the download that may be needed, and the only thing that may be missing.
        block_in_place(testbed::envoy::binary)?;
        crate::sidecar::binary()?;
        let folder = Folder::make(keep)?;
        let mut tasks = JoinSet::new();

        let listener = loopback().await?;
        let mut config = IssuerConfig::new(format!("http://{}", listener.local_addr()?));
        for agent in [Workload::Planner, Workload::Researcher] {
            config = config.client(agent.name(), &secret(agent), &[]);
        }
        config.details_types = vec!["refund".to_owned()];
        let issuer = Issuer::new(config)?;
        let key = issuer.signing_key();
        key.save(&folder.path("issuer-key.json"))?;
        let serving = issuer.clone();
        tasks.spawn(async move { serving.serve(listener, pending()).await });

        let iss = issuer.identifier();
        let (planner, researcher, invoices) = tokio::try_join!(
            Sidecar::start(&folder, "planner", include_str!("../config/planner.yaml"), iss),
            Sidecar::start(&folder, "researcher", include_str!("../config/researcher.yaml"), iss),
            Sidecar::start(&folder, "invoices", include_str!("../config/invoices.yaml"), iss),
        )?;

        // From the end of the chain to its start: each egress must know where the next hop listens.
        let listener = loopback().await?;
        let invoices = Hop::start(&folder, Workload::Invoices, listener.local_addr()?, invoices, None)?;
        tasks.spawn(echo::serve(listener, pending()));

        let listener = loopback().await?;
        let to_invoices = Some((Workload::Invoices, invoices.address));
        let researcher = Hop::start(&folder, Workload::Researcher, listener.local_addr()?, researcher, to_invoices)?;
        let next = next_hop(&researcher, http::Method::GET, "/invoices", Workload::Invoices, "invoices:read")?;
        tasks.spawn(agent::serve(listener, agent(Workload::Researcher, iss, next)));

        let listener = loopback().await?;
        let to_researcher = Some((Workload::Researcher, researcher.address));
        let planner = Hop::start(&folder, Workload::Planner, listener.local_addr()?, planner, to_researcher)?;
        let scope = "research:run invoices:read";
        let next = next_hop(&planner, http::Method::POST, "/research", Workload::Researcher, scope)?;
        tasks.spawn(agent::serve(listener, agent(Workload::Planner, iss, next)));

        Ok(Self { issuer, key, planner, researcher, invoices, folder, _tasks: tasks })
    }
}

impl Hop {
    fn start(
        folder: &Folder,
        workload: Workload,
        service: SocketAddr,
        sidecar: Sidecar,
        next: Option<(Workload, SocketAddr)>,
    ) -> Result<Self, Fault> {
        let inbound = |name: &str, hcm, allow_partial| Listener {
            mtls: Some(folder.mtls(workload)),
            hcm,
            authorization: ExtAuthz {
                request_body: Some(RequestBody { allow_partial, ..RequestBody::default() }),
                ..ExtAuthz::at(sidecar.socket.clone())
            }
            .into(),
            routes: vec![Route::to(Upstream::at(service))],
            access_log: Some(folder.path(&format!("{}.access.jsonl", workload.name()))),
            ..Listener::new(name)
        };
        let mut config = Config::new(workload.name()).listener(inbound(INBOUND, Hcm::default(), false));
        config = config.listener(if let Some((peer, address)) = next {
            let mtls = folder.mtls(workload).only(peer.spiffe());
            Listener::egress(EGRESS, Upstream { mtls: Some(mtls), ..Upstream::at(address) })
        } else {
            let careless =
                Hcm { normalize_path: false, merge_slashes: false, reject_escaped_slashes: false, ..Hcm::default() };
            inbound(RAW, careless, true)
        });
        let envoy = block_in_place(|| Envoy::start(&config))?;
        let address = envoy.address(INBOUND)?;
        Ok(Self { raw: envoy.address(RAW).ok(), envoy, sidecar, address })
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        // All are asked before the first is waited for.
        for hop in [&mut self.planner, &mut self.researcher, &mut self.invoices] {
            hop.envoy.service().signal(testbed::Signal::TERM);
            hop.sidecar.terminate();
        }
    }
}

fn agent(workload: Workload, issuer: &str, next: NextHop) -> Agent {
    Agent { at_issuer: AtIssuer::new(workload, issuer), next }
}

fn next_hop(from: &Hop, method: http::Method, path: &str, to: Workload, scope: &'static str) -> Result<NextHop, Fault> {
    let url = format!("http://{}{path}", from.envoy.address(EGRESS)?);
    Ok(NextHop { method, url, audience: to.audience(), scope })
}

async fn loopback() -> Result<TcpListener, Fault> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}
