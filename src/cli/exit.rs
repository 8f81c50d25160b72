//! Exit codes. They are API: scripts and CI read them.

use std::fmt;
use std::process::ExitCode;

use crate::audit::printable;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done; for `explain`, allowed.
    Done,
    /// 1: it could not be done.
    Failed,
    /// 3: the configuration, or a table, has faults; `logs`: a file can't be read. (2 is clap's, for wrong usage.)
    Faults,
    /// 4: `explain`: refused; `test`: other than expected; `lint-envoy`: errors; `logs verify`: not whole.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Faults => 3,
            Exit::Refused => 4,
        })
    }
}

/// Says what went wrong, on stderr. Names of files in it may be anybody's.
pub(super) fn fail(error: impl fmt::Display) -> Exit {
    eprintln!("hopgate: {}", printable(&error.to_string()));
    Exit::Failed
}

pub(super) fn of<E: fmt::Display>(result: Result<(), E>) -> Exit {
    result.map_or_else(fail, |()| Exit::Done)
}
