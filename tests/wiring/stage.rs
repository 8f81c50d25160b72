//! A proxy with what a control plane made for it, its hopgate, and agents that call it.

use std::net::SocketAddr;
use std::path::PathBuf;

use hopgate::dev::certs::MeshCa;
use serde_json::{Value, json};
use testbed::envoy::{Envoy, validate_bootstrap};
use testbed::ports;

use super::caller::Caller;
use super::dump::{Dump, walk};
use crate::support::mesh::echo;
use crate::support::{Gate, Plan};

pub(crate) const DOMAIN: &str = "cluster.local";
pub(crate) fn id(namespace: &str, account: &str) -> String {
    format!("spiffe://{DOMAIN}/ns/{namespace}/sa/{account}")
}

/// The proxy of a control plane, its hopgate, and agents that call it.
pub(crate) struct Stage {
    pub(crate) gate: Result<Gate, Plan>,
    /// Ended when the stage is.
    _envoy: Envoy,
    pub(crate) address: SocketAddr,
    pub(crate) certificates: PathBuf,
}

/// Where the proxy asks.
pub(crate) enum Asks {
    Socket,
    /// hopgate with this account's certificate, over TLS, which takes questions of this client alone.
    Tls {
        server: &'static str,
        client: String,
    },
    Nobody,
}

impl Asks {
    /// As the files have it.
    pub(crate) fn tls(client: String) -> Self {
        Self::Tls { server: "hopgate", client }
    }
}

impl Stage {
    /// `listen` places the dump's listener, `service` is the cluster of the service and `authority` the names of its secrets.
    pub(crate) async fn start(name: &str, ask: &Asks, place: impl FnOnce(&mut Dump, &Stand) -> SocketAddr) -> Self {
        Self::changed(name, ask, place, |_| ()).await
    }

    pub(crate) async fn changed(
        name: &str,
        ask: &Asks,
        place: impl FnOnce(&mut Dump, &Stand) -> SocketAddr,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let mut plan = plan();
        let certificates = plan.dir.root().join("certificates");
        let mut ids: Vec<_> = ["planner", "researcher", "invoices"].map(|account| id("agents", account)).into();
        ids.extend([id("hopgate-system", "hopgate"), id("istio-ingress", "ingress"), id("gateways", "edge")]);
        MeshCa::generate(DOMAIN).unwrap().write(&certificates, &ids).unwrap();
        let mut hopgate = json!({ "pipe": { "path": plan.socket() } });
        if let Asks::Tls { server, client } = ask {
            let address = ports::free().unwrap();
            hopgate = socket_address(address);
            plan.config["listen"] = json!(address.to_string());
            plan.config["tls"] = json!({
                "certificate_file": format!("certificates/{server}.pem"),
                "key_file": format!("certificates/{server}-key.pem"),
                "client_ca_file": "certificates/ca.pem",
                "clients": [client],
            });
        }
        let service = socket_address(echo().await.address);
        let stand = Stand { certificates: certificates.clone(), service, hopgate };
        let mut dump = Dump::read(name);
        let address = place(&mut dump, &stand);
        let mut bootstrap = dump.bootstrap();
        change(&mut bootstrap);
        validate_bootstrap(&bootstrap).unwrap();
        let gate = match ask {
            Asks::Socket | Asks::Tls { .. } => Ok(plan.start()),
            Asks::Nobody => Err(plan),
        };
        let envoy = Envoy::start_bootstrap(name, &bootstrap, 1).unwrap();
        Self { gate, _envoy: envoy, address, certificates }
    }

    pub(crate) fn caller(&self, agent: &str) -> Caller {
        Caller::new(self.address, &self.certificates, Some(agent))
    }

    pub(crate) fn gate(&mut self) -> &mut Gate {
        self.gate.as_mut().ok().expect("a hopgate")
    }
}

/// What stands in for a cluster.
pub(crate) struct Stand {
    pub(crate) certificates: PathBuf,
    pub(crate) service: Value,
    pub(crate) hopgate: Value,
}

pub(crate) fn socket_address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

/// The usual plan with the agents of [`DOMAIN`], and a route of MCP.
pub(crate) fn plan() -> Plan {
    Plan::new().edit(|config| {
        let text = config["agents"].to_string().replace("spiffe://demo.local/", &format!("spiffe://{DOMAIN}/"));
        config["agents"] = serde_json::from_str(&text).unwrap();
        config["services"][0]["routes"].as_array_mut().unwrap().push(json!({
            "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "search": { "scopes": ["invoices:read"] } },
        }));
    })
}

/// Takes the filters of that name out of every chain.
pub(crate) fn without(name: &'static str) -> impl FnOnce(&mut Value) {
    move |bootstrap| {
        walk(bootstrap, &|fields| {
            for list in ["filters", "httpFilters"] {
                if let Some(Value::Array(filters)) = fields.get_mut(list) {
                    filters.retain(|filter| filter["name"] != name);
                }
            }
        });
    }
}
