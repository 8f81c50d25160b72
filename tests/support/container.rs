//! A container of a pod, run on this machine: its own arguments, mounts and probes, with folders and ports from here in place of
//! the cluster's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use testbed::{Service, ports};

use super::gate::command;
use super::{eventually, http};

/// A container of the pod, with a folder for each of its volumes and a port for each of its own.
pub(crate) struct Local {
    pub(crate) container: Value,
    /// By mount path.
    pub(crate) folders: BTreeMap<String, String>,
    /// By port of the container.
    pub(crate) ports: BTreeMap<i64, SocketAddr>,
}

impl Local {
    pub(crate) fn new(container: &Value, dir: &Path) -> Self {
        let mut folders = BTreeMap::new();
        for mount in container["volumeMounts"].as_array().unwrap() {
            let folder = dir.join(mount["name"].as_str().unwrap());
            std::fs::create_dir_all(&folder).unwrap();
            folders.insert(mount["mountPath"].as_str().unwrap().to_owned(), folder.display().to_string());
        }
        let ports = container["ports"].as_array().unwrap().iter().map(|port| port["containerPort"].as_i64().unwrap());
        let ports = ports.map(|port| (port, ports::free().expect("a port"))).collect();
        Self { container: container.clone(), folders, ports }
    }

    /// A path of the container as one of this machine. The longest mount wins, as it does there.
    pub(crate) fn path(&self, text: &str) -> String {
        let mounts = self.folders.iter().rev();
        let mut fitting =
            mounts.filter_map(|(path, folder)| text.strip_prefix(path.as_str()).map(|rest| format!("{folder}{rest}")));
        fitting.next().unwrap_or_else(|| text.to_owned())
    }

    pub(crate) fn args(&self) -> Vec<String> {
        let args = self.container["args"].as_array().unwrap().iter();
        args.map(|arg| self.path(arg.as_str().unwrap())).collect()
    }

    pub(crate) fn start(&self, mut program: Command) -> Service {
        program.args(self.args());
        Service::start("a container", program).expect("a process")
    }

    /// Every probe, until each has succeeded once.
    pub(crate) async fn succeed(&self, service: &mut Service) {
        for name in ["startupProbe", "livenessProbe", "readinessProbe"] {
            let probe = &self.container[name];
            eventually(name, async || {
                service.check_running().expect("still running");
                self.succeeds(probe).then_some(())
            })
            .await;
        }
    }

    pub(crate) fn succeeds(&self, probe: &Value) -> bool {
        if let Some(exec) = probe.get("exec") {
            let words: Vec<_> = exec["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
            assert_eq!(words[0], "/hopgate", "the image's one program");
            let mut program = command();
            program.args(&words[1..]).args(["--admin", &self.ports[&9902].to_string()]);
            return program.status().expect("an end").success();
        }
        let action = probe.get("httpGet").or(probe.get("tcpSocket")).expect("a probe");
        let mut named = self.container["ports"].as_array().unwrap().iter();
        let number = match action["port"].as_str() {
            Some(name) => &named.find(|port| port["name"] == *name).expect("a port by that name")["containerPort"],
            None => &action["port"],
        };
        let address = self.ports[&number.as_i64().unwrap()];
        let is_open = std::net::TcpStream::connect(address).is_ok();
        match action.get("path") {
            Some(path) if is_open => http::get(address, path.as_str().unwrap()).status == 200,
            Some(_) | None => is_open,
        }
    }
}
