//! What is reported: findings in what could be read, faults where something could not.

use std::fmt;

use serde::Serialize;

use super::rules::Rule;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing to do.
    Note,
    /// Weakens what hopgate does, or is likely a mistake.
    Warning,
    /// A call gets past hopgate, or hopgate can't see what it has to decide about.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A rule that was broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    pub rule: Rule,
    pub file: String,
    /// Counted from 1, where the file has several documents.
    pub document: Option<usize>,
    /// Such as `static_resources.listeners[0].filter_chains[0]`.
    pub path: String,
    /// What was found there.
    pub found: String,
}

/// What could not be read, so that nothing can be said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub file: String,
    pub document: Option<usize>,
    /// Empty for the file as a whole.
    pub path: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.document)?;
        f.write_str("fault: ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(f, &self.file, self.document)?;
        writeln!(f, "{}: {}: {} [{}]", self.rule.severity(), self.path, self.found, self.rule.id())?;
        writeln!(f, "    why: {}", self.rule.why())?;
        write!(f, "    fix: {}", self.rule.fix())
    }
}

fn place(f: &mut fmt::Formatter<'_>, file: &str, document: Option<usize>) -> fmt::Result {
    match document {
        Some(number) => write!(f, "{file}, document {number}: "),
        None => write!(f, "{file}: "),
    }
}
