//! A Redis server of a test's own: on loopback and a Unix socket, keeping nothing on disk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Error, Service, Signal, SocketDir, ports};

/// Far longer than a server without data takes to start on two busy cores.
const SOON: Duration = Duration::from_secs(20);

/// A server, running or not, always at the same place; ended with its handle.
#[derive(Debug)]
pub struct Redis {
    running: Option<Service>,
    dir: SocketDir,
    address: SocketAddr,
    options: Vec<String>,
    tls: bool,
}

impl Redis {
    /// A server to be, with `options` as its command line has them (`["--maxmemory", "2mb"]`).
    ///
    /// # Errors
    /// When there is no port or no directory for it.
    pub fn new(options: &[&str]) -> Result<Self, Error> {
        let options = options.iter().map(|&option| option.to_owned()).collect();
        Ok(Self { running: None, dir: SocketDir::new()?, address: ports::free()?, options, tls: false })
    }

    /// As [`Redis::new`], and running.
    ///
    /// # Errors
    /// As [`Redis::new`], or when it can't be started.
    pub fn start(options: &[&str]) -> Result<Self, Error> {
        let mut server = Self::new(options)?;
        server.run()?;
        Ok(server)
    }

    /// As [`Redis::start`], with its port for TLS alone.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_tls(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let mut server = Self::new(&["--tls-auth-clients", "no"])?;
        for (option, file) in [("--tls-cert-file", certificate), ("--tls-key-file", key)] {
            server.options.extend([option.to_owned(), file.display().to_string()]);
        }
        // Whoever asks nothing of clients still has to name authorities.
        server.options.extend(["--tls-ca-cert-file".to_owned(), certificate.display().to_string()]);
        server.tls = true;
        server.run()?;
        Ok(server)
    }

    /// Starts it, empty, where it was before.
    ///
    /// # Errors
    /// When the program is missing (Debian's `redis-server`), or ends early.
    pub fn run(&mut self) -> Result<(), Error> {
        self.running = None;
        let (plain, tls) = if self.tls { (0, self.address.port()) } else { (self.address.port(), 0) };
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &plain.to_string(), "--tls-port", &tls.to_string()]);
        command.arg("--unixsocket").arg(self.socket()).arg("--dir").arg(self.dir.root());
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]).args(&self.options);
        let mut service = Service::start("redis-server", command)?;
        let answers = ports::wait_for_unix(&self.socket(), SOON).and_then(|()| ports::wait_for_tcp(self.address, SOON));
        if answers.is_err() {
            service.check_running()?;
        }
        answers?;
        self.running = Some(service);
        Ok(())
    }

    /// SIGKILL, as in a crash.
    ///
    /// # Errors
    /// When it can't be waited for.
    pub fn kill(&mut self) -> Result<(), Error> {
        self.running.take().map_or(Ok(()), |mut service| service.kill().map(drop))
    }

    /// Sends `signal` (STOP and CONT for a hang).
    pub fn signal(&mut self, signal: Signal) {
        if let Some(service) = &mut self.running {
            service.signal(signal);
        }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path("redis")
    }

    /// Where clients find it; over TLS by a name that its certificate must have.
    #[must_use]
    pub fn url(&self) -> String {
        let port = self.address.port();
        if self.tls { format!("rediss://localhost:{port}/0") } else { format!("redis://127.0.0.1:{port}/0") }
    }

    /// What the server answers to `words`, by `redis-cli`.
    ///
    /// # Errors
    /// When it can't be asked. What it refuses is an answer.
    pub fn command(&self, words: &[&str]) -> Result<String, Error> {
        let output = Command::new("redis-cli")
            .arg("-s")
            .arg(self.socket())
            .args(words)
            .stdin(Stdio::null())
            .output()
            .map_err(Error::io("run redis-cli"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
