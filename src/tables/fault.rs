//! What is wrong with a table.

use std::fmt;
use std::path::PathBuf;

use crate::config::Fault;

/// A fault, with the file it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    pub file: PathBuf,
    pub fault: Fault,
}

/// As the faults of a configuration are told.
impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.told(&self.file, "fault").fmt(f)
    }
}
