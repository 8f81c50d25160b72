//! What is wrong with a table.

use std::fmt;
use std::path::PathBuf;

use super::lines::Lines;
use crate::audit::clean;
use crate::config::Fault;

/// A fault, with the line it stands at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    pub file: PathBuf,
    pub line: Option<u64>,
    pub fault: Fault,
}

impl TableFault {
    pub(super) fn of(file: &std::path::Path, lines: &Lines, fault: Fault) -> Self {
        // An unknown field stands inside of what does not know it.
        let inner = fault.message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        let dot = if fault.path.is_empty() { "" } else { "." };
        let inner = inner.map(|name| format!("{}{dot}{name}", fault.path));
        let line = inner.and_then(|path| lines.at(&path)).or_else(|| lines.at(&fault.path)).or_else(|| lines.at(""));
        Self { file: file.to_owned(), line, fault }
    }
}

/// As the faults of a configuration are told, with the line.
impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        // A table may be a stranger's: what it says must not act on the terminal that it is told on.
        write!(f, " fault: {}", clean(&self.fault.to_string()))
    }
}
