use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Why a real part could not be had, started or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },
    /// A script that fetches a part failed; its stderr says why.
    #[error("{script} failed: {stderr}")]
    Fetch { script: &'static str, stderr: String },
    #[error("{name} printed what can't be read, {found}")]
    Unreadable { name: String, found: String },
    #[error("`HOPGATE_ENVOY` names `{}`, which is not a file", .0.display())]
    NoSuchEnvoy(PathBuf),
    #[error("Envoy refuses the config: {0}")]
    Refused(String),
    #[error("no listener `{wanted}`, found {found:?}")]
    NoListener { wanted: String, found: Vec<String> },
    #[error("{name} ended early with {status}: {stderr}")]
    Ended { name: String, status: String, stderr: String },
    #[error("waited {waited:?} for {what}: {last}")]
    TimedOut {
        what: String,
        waited: Duration,
        /// What was seen instead, for whoever reads the test's output.
        last: String,
    },
    #[error("none of the ports {} to {} is free", .0.start(), .0.end())]
    NoPort(RangeInclusive<u16>),
    #[error("Envoy's admin answered {path} with {found}")]
    Admin { path: String, found: String },
    #[error("cannot read /proc of {name}: {source}")]
    Proc { name: String, source: procfs::ProcError },
    #[error("the socket path `{}` is {found} bytes long, expected at most {limit}", path.display())]
    SocketPathTooLong { path: PathBuf, found: usize, limit: usize },
}

impl Error {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
