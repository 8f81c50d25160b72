//! What is wrong with a configuration: every fault of a file at once, each with its path in it.

use std::fmt;
use std::path::Path;

use crate::audit::printable;

/// One fault: where in the file, and what was found and expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Such as `services[0].routes[2].match.path`; empty for the file as a whole.
    pub path: String,
    pub message: String,
    /// From 1, where the file could be read as YAML.
    pub line: Option<u64>,
}

impl Fault {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), line: None }
    }

    /// `FILE:LINE: kind: path: message`
    pub(crate) fn told<'a>(&'a self, file: &'a Path, kind: &'a str) -> impl fmt::Display + 'a {
        Told { fault: self, file, kind }
    }
}

struct Told<'a> {
    fault: &'a Fault,
    file: &'a Path,
    kind: &'a str,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", printable(&self.file.display().to_string()))?;
        if let Some(line) = self.fault.line {
            write!(f, "{line}:")?;
        }
        // The file may be a stranger's: what it says must not act on the terminal that it is told on.
        write!(f, " {}: {}", self.kind, printable(&self.fault.to_string()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(Fault::new(path.to_string(), message.to_string()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}

/// The closest of `names` to `word`, as a question to go behind a message.
pub(crate) fn close_to(word: &str, names: &[&str]) -> String {
    let closest = similar::get_close_matches(word, names, 1, 0.6);
    closest.first().map_or(String::new(), |name| format!("; is it `{name}`?"))
}

/// `/services/0/routes` (RFC 6901) as `services[0].routes`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            path.push('[');
            path.push_str(part);
            path.push(']');
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_reads_as_a_path() {
        assert_eq!(dotted(""), "");
        assert_eq!(dotted("/services/0/routes/12/match"), "services[0].routes[12].match");
        assert_eq!(dotted("/enforcement/a~1b"), "enforcement.a/b");
    }
}
