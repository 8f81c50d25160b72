use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::lines::{Found, Lines};
use crate::{Error, wait};

/// How long a service may take from SIGTERM to its end before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// A running program: its stdout as lines, its stderr in a file; ended by its pid on drop.
#[derive(Debug)]
pub struct Service {
    name: String,
    child: Child,
    lines: Arc<Lines>,
    /// Holds `stderr`, and is removed with the service.
    dir: TempDir,
}

impl Service {
    /// Starts `command`, called `name` in errors, and keeps every line of its stdout in memory.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: impl Into<String>, command: Command) -> Result<Self, Error> {
        let mut service = Self::spawn(name.into(), command, Stdio::piped())?;
        if let Some(stdout) = service.child.stdout.take() {
            let lines = Arc::clone(&service.lines);
            thread::spawn(move || lines.fill(stdout));
        }
        Ok(service)
    }

    /// Starts `command` with its stdout written to `file`: for benches, where keeping lines would cost.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start_writing_to(file: File, name: impl Into<String>, command: Command) -> Result<Self, Error> {
        Self::spawn(name.into(), command, file.into())
    }

    fn spawn(name: String, mut command: Command, stdout: Stdio) -> Result<Self, Error> {
        let start = || Error::io(format!("start {name}"));
        let dir = TempDir::with_prefix("hopgate-").map_err(start())?;
        let stderr = File::create(dir.path().join("stderr")).map_err(start())?;
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().map_err(start())?;
        Ok(Self { name, child, lines: Arc::default(), dir })
    }

    /// The first line of stdout, old or new, that `wanted` accepts.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after `within`, or [`Error::Ended`] once stdout is closed without such a line.
    pub fn wait_for_line(&mut self, within: Duration, wanted: impl FnMut(&str) -> bool) -> Result<String, Error> {
        match self.lines.find(within, wanted) {
            Found::Line(line) => Ok(line),
            Found::Closed => Err(self.ended()),
            Found::Nothing { seen, last } => Err(Error::TimedOut {
                what: format!("a line of {}", self.name),
                waited: within,
                last: format!("{seen} other lines, the last was `{last}`"),
            }),
        }
    }

    /// Every line of stdout so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.all()
    }

    /// Everything written to stderr so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn stderr(&self) -> Result<String, Error> {
        let bytes =
            std::fs::read(self.stderr_path()).map_err(Error::io(format!("read the stderr of {}", self.name)))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where stderr is written.
    #[must_use]
    pub fn stderr_path(&self) -> PathBuf {
        self.dir.path().join("stderr")
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// User and system time of all its threads since it started, in steps of the kernel's tick (10 ms).
    ///
    /// # Errors
    /// When the process is gone.
    pub fn cpu_time(&self) -> Result<Duration, Error> {
        let stat = self.stat()?;
        let ticks = stat.utime.saturating_add(stat.stime);
        let nanos = ticks.saturating_mul(1_000_000_000);
        Ok(Duration::from_nanos(nanos.checked_div(procfs::ticks_per_second()).unwrap_or_default()))
    }

    /// Resident memory now, in bytes.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> Result<u64, Error> {
        Ok(self.stat()?.rss.saturating_mul(procfs::page_size()))
    }

    fn stat(&self) -> Result<procfs::process::Stat, Error> {
        self.pid()
            .map(Pid::as_raw_nonzero)
            .map_or(Err(procfs::ProcError::Other("no pid".to_owned())), |pid| Process::new(pid.get())?.stat())
            .map_err(|source| Error::Proc { name: self.name.clone(), source })
    }

    /// [`Error::Ended`] once the process has ended, for loops that wait for something else.
    ///
    /// # Errors
    /// When it has ended, or cannot be waited for.
    pub fn check_running(&mut self) -> Result<(), Error> {
        match self.try_wait()? {
            None => Ok(()),
            Some(_) => Err(self.ended()),
        }
    }

    /// SIGTERM, then SIGKILL after 5 s. Gives the exit status; calling it again gives it again.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn stop(&mut self) -> Result<ExitStatus, Error> {
        self.signal(Signal::TERM);
        self.wait(GRACE).or_else(|_| self.kill())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// [`Error::TimedOut`] after `within`, or when the process cannot be waited for.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, Error> {
        let what = format!("the end of {}", self.name);
        wait::until(&what, within, || Ok(self.try_wait()?.ok_or_else(|| "still running".to_owned())))
    }

    /// SIGKILL at once: the crash that a test asks for.
    ///
    /// # Errors
    /// When the process cannot be waited for.
    pub fn kill(&mut self) -> Result<ExitStatus, Error> {
        // `Child::kill` does nothing to a pid that was waited for, so never to another process.
        let name = self.name.clone();
        self.child.kill().and_then(|()| self.child.wait()).map_err(Error::io(format!("kill {name}")))
    }

    /// Sends `signal` (STOP and CONT for a hang, HUP for a reload). Nothing happens once it has ended.
    pub fn signal(&mut self, signal: Signal) {
        // Only a pid that was not waited for is still ours.
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), self.pid()) {
            // It can still end in between; then there is nothing to signal.
            let _ = kill_process(pid, signal);
        }
    }

    fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(Error::io(format!("wait for {}", self.name)))
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    fn ended(&mut self) -> Error {
        let status = self.stop();
        Error::Ended {
            name: self.name.clone(),
            status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
            stderr: self.stderr().unwrap_or_default(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // A drop has nobody to tell; the kernel refuses only pids that are gone.
        let _ = self.stop();
    }
}
