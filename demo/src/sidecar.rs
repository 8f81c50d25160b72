//! One hopgate beside one Envoy: started from the configuration in `demo/config/`, and asked what it decided.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use testbed::{Service, Signal, ports};

use crate::Fault;
use crate::decision::Decision;
use crate::folder::Folder;

/// hopgate is ready in well under a second; a machine with two busy cores takes longer.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// A decision is recorded before its answer leaves, and written at once.
const RECORD_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// What the files in `demo/config/` say, and this run has elsewhere.
const WRITTEN_ISSUER: &str = "http://127.0.0.1:9000";
const WRITTEN_SOCKETS: &str = "unix:/run/hopgate/";

pub(crate) struct Sidecar {
    service: Service,
    pub(crate) config: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) admin: SocketAddr,
    /// The live page.
    pub(crate) watch: SocketAddr,
    /// Just before it started: what was issued earlier it can not have seen.
    pub(crate) started_at: SystemTime,
}

impl Sidecar {
    /// Starts `hopgate serve` with `template`, whose socket, addresses and issuer become this run's, and waits until
    /// it is ready.
    pub(crate) async fn start(folder: &Folder, name: &str, template: &str, issuer: &str) -> Result<Self, Fault> {
        let socket = folder.sockets.path(name);
        let (admin, watch) = (ports::free()?, ports::free()?);
        let config = folder.path(&format!("{name}.yaml"));
        fs::write(
            &config,
            filled(template, name, &socket.display().to_string(), &[("admin", admin), ("watch", watch)], issuer)?,
        )?;
        let mut command = Command::new(binary()?);
        command.arg("serve").arg("--config").arg(&config);
        let started_at = SystemTime::now();
        let mut service = Service::start(format!("hopgate of {name}"), command)?;
        wait_until_ready(&mut service, admin).await?;
        Ok(Self { service, config, socket, admin, watch, started_at })
    }

    /// The decision with this id.
    pub(crate) fn decision(&mut self, id: &str) -> Result<Decision, Fault> {
        let line = self.service.wait_for_line(RECORD_WITHIN, |line| line.contains(id))?;
        Ok(Decision::parse(line)?)
    }

    /// Every decision so far, one JSON line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.service.lines()
    }

    /// Asks it to end; dropping it waits until it has.
    pub(crate) fn terminate(&mut self) {
        self.service.signal(Signal::TERM);
    }
}

/// The `hopgate` to run: `HOPGATE_BIN`, else the one built beside this program.
pub(crate) fn binary() -> Result<PathBuf, Fault> {
    let named = std::env::var_os("HOPGATE_BIN").map(PathBuf::from);
    let path = match &named {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("hopgate"),
    };
    if path.is_file() {
        return Ok(path);
    }
    let from = if named.is_some() { "HOPGATE_BIN names" } else { "expected beside this program" };
    Err(format!("no hopgate to run: {from} `{}`, which is not a file (`make demo` builds it)", path.display()).into())
}

fn filled(
    template: &str,
    name: &str,
    socket: &str,
    addresses: &[(&str, SocketAddr)],
    issuer: &str,
) -> Result<String, Fault> {
    let of_files = [
        (format!("{WRITTEN_SOCKETS}{name}.sock"), format!("unix:{socket}")),
        (WRITTEN_ISSUER.to_owned(), issuer.to_owned()),
    ];
    let of_fields = addresses.iter().map(|(field, address)| {
        let field = format!("{field}: ");
        let written = template.lines().find(|line| line.starts_with(&field)).unwrap_or(&field).to_owned();
        (written, format!("{field}{address}"))
    });
    of_files.into_iter().chain(of_fields).try_fold(template.to_owned(), |text, (written, ours)| {
        if text.contains(&written) {
            Ok(text.replace(&written, &ours))
        } else {
            Err(format!("demo/config/{name}.yaml no longer says `{written}`").into())
        }
    })
}

async fn wait_until_ready(service: &mut Service, admin: SocketAddr) -> Result<(), Fault> {
    let started = Instant::now();
    let client = reqwest::Client::new();
    loop {
        service.check_running()?;
        let seen = match client.get(format!("http://{admin}/readyz")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => answer.text().await?,
            Err(error) => error.to_string(),
        };
        if started.elapsed() > READY_WITHIN {
            return Err(format!("hopgate was not ready within {READY_WITHIN:?}: {seen}").into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::folder::BESIDE_INVOICES;

    /// The first configurations that anyone reads: good as they stand, and once this run's paths are in them.
    #[test]
    fn the_configurations_are_good_without_a_warning() {
        for name in ["planner", "researcher", "invoices"] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/{name}.yaml"));
            let settings = hopgate::config::load(&file).unwrap();
            assert!(settings.warnings.is_empty(), "{name}: {:?}", settings.warnings);

            let addresses = ["admin", "watch"].map(|field| (field, "127.0.0.1:1".parse().unwrap()));
            let template = fs::read_to_string(&file).unwrap();
            let text = filled(&template, name, "/tmp/check.sock", &addresses, "http://127.0.0.1:2").unwrap();
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("config.yaml");
            fs::write(&file, text).unwrap();
            for (name, text) in BESIDE_INVOICES {
                fs::write(dir.path().join(name), text).unwrap();
            }
            hopgate::config::load(&file).unwrap();
        }
    }

    #[test]
    fn a_template_that_changed_is_told() {
        let fault = filled("listen: elsewhere", "planner", "s", &[], "i").unwrap_err();
        assert!(fault.to_string().contains("planner.sock"), "{fault}");
    }
}
