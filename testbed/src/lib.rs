//! The real parts that hopgate's tests, demo and benches run against: Envoy, Redis, an authorization server, servers and
//! clients of MCP and A2A, child processes, ports.
//!
//! It knows nothing of hopgate, so that what it says about a running system is an outsider's view.
//!
//! | want | take |
//! | --- | --- |
//! | an Envoy with a given filter chain | [`envoy::Config`], then [`envoy::Envoy::start`] |
//! | an authorization server and a client that are not ours | [`AuthorizationServer`] |
//! | an MCP server or an A2A agent, and clients, that are not ours | [`McpServer`], [`McpClient`], [`A2aAgent`] |
//! | only to know whether Envoy accepts a config | [`envoy::validate`] |
//! | an Envoy with a bootstrap that something else made | [`envoy::Envoy::start_bootstrap`] |
//! | the definitions of Istio's and Envoy Gateway's kinds | [`crds`] |
//! | what Kubernetes' schemas say of a manifest, or Helm | [`kubernetes::faults`], [`kubernetes::helm`] |
//! | a page in a real Chromium, driven, and what bars people from it | [`browser::drive`] |
//! | what Grafana's types say of a dashboard | [`grafana::faults`] |
//! | what Prometheus makes of rules and expressions | [`promtool`] |
//! | a Redis server, to be stopped, starved and restarted | [`Redis`] |
//! | a program under test: its stdout lines, stderr, CPU time, memory | [`Service`] |
//! | a free port, a short Unix socket path, to wait until one answers | [`ports`], [`SocketDir`] |
//!
//! ```no_run
//! # fn main() -> Result<(), testbed::Error> {
//! use testbed::envoy::{Config, Envoy, ExtAuthz, Listener, Route, Upstream};
//!
//! let sockets = testbed::SocketDir::new()?;
//! let mut inbound = Listener::new("inbound");
//! inbound.authorization = ExtAuthz::at(sockets.path("check")).into();
//! inbound.routes = vec![Route::to(Upstream::at(([127, 0, 0, 1], 8080)))];
//! let envoy = Envoy::start(&Config::new("invoices").listener(inbound))?;
//! println!("http://{}/invoices", envoy.address("inbound")?);
//! # Ok(())
//! # }
//! ```

mod agents;
mod authorization_server;
pub mod browser;
mod crds;
pub mod envoy;
mod error;
mod fetch;
pub mod grafana;
pub mod kubernetes;
mod lines;
pub mod ports;
mod program;
mod prometheus;
mod redis;
mod service;
mod socket_dir;
mod wait;

pub use agents::{A2aAgent, McpClient, McpServer};
pub use authorization_server::AuthorizationServer;
pub use crds::crds;
pub use error::Error;
pub use prometheus::promtool;
pub use redis::Redis;
pub use rustix::process::Signal;
pub use service::Service;
pub use socket_dir::SocketDir;
