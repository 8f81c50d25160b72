//! A stand: one Envoy with one way of authorization, and the server it asks, if any.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use testbed::envoy::{Authorization, Config, Envoy, ExtAuthz, JwtAuthn, Listener, Route};
use testbed::{Service, ports};

use crate::mint::{AUDIENCE, ISSUER, Issuer};

const LISTENER: &str = "bench";

pub(crate) struct Stand {
    pub(crate) name: &'static str,
    envoy: Envoy,
    pub(crate) authz: Option<Authz>,
    /// Whether a bad token is answered 401 here, rather than passed.
    pub(crate) refuses: bool,
}

pub(crate) struct Cpu {
    pub(crate) envoy: Duration,
    pub(crate) authz: Duration,
}

impl Stand {
    pub(crate) fn none() -> Self {
        Self::new("none", Authorization::None, None, false)
    }

    pub(crate) fn jwt_authn(name: &'static str, issuer: &Issuer, cached: Option<u32>) -> Self {
        let filter = JwtAuthn {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            jwks: issuer.jwks.clone(),
            cached_tokens: cached,
        };
        Self::new(name, filter.into(), None, true)
    }

    pub(crate) fn ext_authz(name: &'static str, authz: Authz, refuses: bool) -> Self {
        let filter = ExtAuthz::at(authz.socket.clone());
        Self::new(name, filter.into(), Some(authz), refuses)
    }

    fn new(name: &'static str, authorization: Authorization, authz: Option<Authz>, refuses: bool) -> Self {
        let listener = Listener {
            authorization,
            // Envoy answers by itself, so that only authorization differs.
            routes: vec![Route::respond(200, "ok")],
            ..Listener::new(LISTENER)
        };
        let envoy = Envoy::start(&Config::new(name).listener(listener)).expect("a running Envoy");
        Self { name, envoy, authz, refuses }
    }

    pub(crate) fn url(&self) -> String {
        let address = self.envoy.address(LISTENER).expect("its listener");
        format!("http://{address}/invoices")
    }

    /// The HTTP status of one request.
    pub(crate) fn probe(&self, token: Option<&str>) -> u16 {
        let mut request = ureq::get(self.url());
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.config().http_status_as_error(false).build();
        request.call().expect("an answer").status().as_u16()
    }

    pub(crate) fn cpu(&mut self) -> Cpu {
        let authz = self.authz.as_ref();
        Cpu {
            envoy: self.envoy.service().cpu_time().expect("Envoy runs"),
            authz: authz.map_or(Duration::ZERO, |authz| authz.service.cpu_time().expect("the server runs")),
        }
    }
}

/// An `ext_authz` server on a Unix socket.
pub(crate) struct Authz {
    pub(crate) service: Service,
    pub(crate) socket: PathBuf,
    records: File,
    /// From its start until it answered.
    pub(crate) ready: Duration,
    /// Resident memory once ready, in bytes.
    pub(crate) idle_bytes: u64,
}

impl Authz {
    /// The server that allows everything, an example of this package beside the binary.
    pub(crate) fn null(dir: &Path) -> Self {
        let program = hopgate().with_file_name("examples").join("null_ext_authz");
        let socket = dir.join("null.sock");
        let mut command = Command::new(program);
        command.arg(&socket);
        Self::start("null_ext_authz", dir, command, socket, Duration::from_secs(10))
            .expect("the null server: cargo build --release --example null_ext_authz")
    }

    /// hopgate with its records to a file, or why it is not there yet.
    pub(crate) fn hopgate(name: &str, dir: &Path, issuer: &Issuer) -> Result<Self, testbed::Error> {
        let socket = dir.join(format!("{name}.sock"));
        let keys = dir.join("keys.json");
        fs::write(&keys, &issuer.jwks).expect("the keys");
        let config = dir.join(format!("{name}.yaml"));
        let text = include_str!("hopgate.yaml")
            .replace("SOCKET", &socket.display().to_string())
            .replace("ADMIN", &ports::free()?.to_string())
            .replace("KEYS", &keys.display().to_string())
            .replace("ISSUER", ISSUER)
            .replace("AUDIENCE", AUDIENCE);
        fs::write(&config, text).expect("the config");
        let mut command = Command::new(hopgate());
        command.arg("serve").arg("--config").arg(config);
        Self::start(name, dir, command, socket, Duration::from_secs(5))
    }

    fn start(
        name: &str,
        dir: &Path,
        command: Command,
        socket: PathBuf,
        within: Duration,
    ) -> Result<Self, testbed::Error> {
        let path = dir.join(format!("{name}.stdout"));
        let append = File::options().append(true).create(true).open(path);
        let records = append.expect("a file");
        let started = Instant::now();
        let mut service = Service::start_writing_to(records.try_clone().expect("a file"), name, command)?;
        while started.elapsed() < within {
            service.check_running()?;
            if ports::wait_for_unix(&socket, Duration::from_millis(1)).is_ok() {
                break;
            }
        }
        ports::wait_for_unix(&socket, Duration::ZERO)?;
        Ok(Self { ready: started.elapsed(), idle_bytes: service.resident_bytes()?, service, socket, records })
    }

    /// Empties the file of decision records, which would grow by gigabytes.
    pub(crate) fn forget_records(&self) {
        self.records.set_len(0).expect("our own file");
    }
}

/// The binary under test, built for this bench by Cargo.
fn hopgate() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_hopgate"))
}
