use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::binary;
use super::config::{Authorization, AuthzServer, Config};
use crate::socket_dir::check_length;
use crate::{Error, Service, wait};

/// Envoy is ready 0.1 s after its start; a machine with two busy cores takes longer.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running Envoy, ended on drop.
#[derive(Debug)]
pub struct Envoy {
    service: Service,
    admin: SocketAddr,
    listeners: BTreeMap<String, SocketAddr>,
    config: PathBuf,
    /// Holds `config`, and is removed after the service ended.
    _dir: TempDir,
}

impl Envoy {
    /// Starts Envoy with `config` and waits until it is ready.
    ///
    /// Envoy binds its own ports, so that no two tests can race for one.
    ///
    /// # Errors
    /// When there is no Envoy to run, it refuses the config, or it is not ready within 20 s.
    pub fn start(config: &Config) -> Result<Self, Error> {
        check(config)?;
        Self::start_bootstrap(&config.name, &config.to_json(), config.workers)
    }

    /// Starts Envoy with `bootstrap`, whose admin interface should be on a port of the operating system's choice.
    ///
    /// # Errors
    /// As [`Envoy::start`].
    pub fn start_bootstrap(name: &str, bootstrap: &Value, workers: u32) -> Result<Self, Error> {
        let dir = TempDir::with_prefix("hopgate-envoy-").map_err(Error::io("make a directory"))?;
        let file = write(bootstrap, dir.path())?;
        let admin_file = dir.path().join("admin");
        let mut command = Command::new(binary()?);
        command
            .arg("--config-path")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin_file)
            .arg("--concurrency")
            .arg(workers.to_string())
            .args(["--disable-hot-restart", "--log-level", "warning"])
            // A test reads the access log of the request it just made.
            .args(["--file-flush-interval-msec", "20"]);
        let mut service = Service::start(format!("envoy {name}"), command)?;
        let admin = wait::until("Envoy's admin address", READY_WITHIN, || {
            service.check_running()?;
            Ok(fs::read_to_string(&admin_file)
                .map_err(|error| error.to_string())
                .and_then(|text| text.parse().map_err(|_| format!("`{text}`"))))
        })?;
        wait::until("Envoy's /ready", READY_WITHIN, || {
            service.check_running()?;
            Ok(ask(admin, "/ready").map(drop).map_err(|error| error.to_string()))
        })?;
        Ok(Self { listeners: listeners(admin)?, service, admin, config: file, _dir: dir })
    }

    /// Where the listener `name` listens.
    ///
    /// # Errors
    /// When the config has no such listener.
    pub fn address(&self, name: &str) -> Result<SocketAddr, Error> {
        self.listeners.get(name).copied().ok_or_else(|| Error::NoListener {
            wanted: name.to_owned(),
            found: self.listeners.keys().cloned().collect(),
        })
    }

    /// Where the admin interface listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The body of a GET on the admin interface, such as `/stats?filter=ext_authz` or `/config_dump`.
    ///
    /// # Errors
    /// When it does not answer 200.
    pub fn ask_admin(&self, path: &str) -> Result<String, Error> {
        ask(self.admin, path)
    }

    /// The process: its stderr is Envoy's log.
    pub fn service(&mut self) -> &mut Service {
        &mut self.service
    }

    /// The file that this Envoy was started with.
    #[must_use]
    pub fn config_path(&self) -> &Path {
        &self.config
    }
}

/// Asks Envoy whether it accepts `config`, without running it.
///
/// # Errors
/// [`Error::Refused`] with Envoy's own words.
pub fn validate(config: &Config) -> Result<(), Error> {
    check(config)?;
    validate_bootstrap(&config.to_json())
}

/// Asks Envoy whether it accepts `bootstrap`, without running it.
///
/// # Errors
/// [`Error::Refused`] with Envoy's own words.
pub fn validate_bootstrap(bootstrap: &Value) -> Result<(), Error> {
    let dir = TempDir::with_prefix("hopgate-envoy-").map_err(Error::io("make a directory"))?;
    let file = write(bootstrap, dir.path())?;
    let output = Command::new(binary()?)
        .args(["--mode", "validate", "--log-level", "error", "--config-path"])
        .arg(&file)
        .output()
        .map_err(Error::io("run Envoy"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Refused(said.trim().to_owned()))
}

fn check(config: &Config) -> Result<(), Error> {
    for listener in &config.listeners {
        if let Authorization::ExtAuthz(filter) = &listener.authorization
            && let AuthzServer::Unix(path) = &filter.server
        {
            check_length(path)?;
        }
    }
    Ok(())
}

fn write(bootstrap: &Value, dir: &Path) -> Result<PathBuf, Error> {
    let path = dir.join("envoy.json");
    fs::write(&path, format!("{bootstrap:#}\n")).map_err(Error::io("write Envoy's config"))?;
    Ok(path)
}

fn listeners(admin: SocketAddr) -> Result<BTreeMap<String, SocketAddr>, Error> {
    let path = "/listeners?format=json";
    let text = ask(admin, path)?;
    let unexpected = || Error::Admin { path: path.to_owned(), found: text.clone() };
    let statuses = serde_json::from_str::<Value>(&text).map_err(|_| unexpected())?;
    let Some(statuses) = statuses.get("listener_statuses").and_then(Value::as_array) else {
        return Ok(BTreeMap::new());
    };
    statuses
        .iter()
        .map(|status| {
            let name = status.get("name")?.as_str()?.to_owned();
            let socket = status.pointer("/local_address/socket_address")?;
            let ip = socket.get("address")?.as_str()?.parse().ok()?;
            let port = socket.get("port_value")?.as_u64()?.try_into().ok()?;
            Some((name, SocketAddr::new(ip, port)))
        })
        .collect::<Option<_>>()
        .ok_or_else(unexpected)
}

fn ask(admin: SocketAddr, path: &str) -> Result<String, Error> {
    ureq::get(format!("http://{admin}{path}"))
        .config()
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .map_err(|error| Error::Admin { path: path.to_owned(), found: error.to_string() })
}
