//! How a line is held by the one after it, and where a chain goes on after a restart.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use super::record::hex;

/// More than a state has, bytes.
const MAX_STATE: u64 = 4096;

/// The last line of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) seq: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub(super) hash: String,
}

impl Head {
    /// Of a chain that has no line.
    pub(super) fn none() -> Self {
        Self { seq: 0, hash: hex(&[0; digest::SHA256_OUTPUT_LEN]) }
    }

    /// Adds `json`, an object, to `batch` as the next line, numbered and with the hash of the line before; `gap`
    /// numbers are passed over.
    pub(super) fn append(&mut self, json: &[u8], gap: u64, batch: &mut Vec<u8>) {
        self.seq = self.seq.saturating_add(1).saturating_add(gap);
        let start = batch.len();
        batch.extend_from_slice(json.strip_suffix(b"}").unwrap_or(json));
        batch.extend_from_slice(format!(",\"seq\":{},\"prev\":\"{}\"}}", self.seq, self.hash).as_bytes());
        let line = batch.get(start..).unwrap_or_default();
        self.hash = hex(digest::digest(&digest::SHA256, line).as_ref());
        batch.push(b'\n');
    }
}

/// Where the head of the chain outlives the process.
///
/// It is kept before its lines are written, so a process that is killed between the two leaves a chain
/// that goes on from lines nobody has: what was accepted and lost shows.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    found: Option<Head>,
}

impl StateFile {
    /// Opens the file at `path`, or makes it; no other process may have it open.
    ///
    /// # Errors
    /// It can't be opened or locked, or holds something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        let named = |why: String| io::Error::other(format!("state file `{}`: {why}", path.display()));
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = open.map_err(|error| named(error.to_string()))?;
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => named("another process writes it".to_owned()),
            std::fs::TryLockError::Error(error) => named(error.to_string()),
        })?;
        let mut text = String::new();
        (&file).take(MAX_STATE).read_to_string(&mut text).map_err(|error| named(error.to_string()))?;
        let found = if text.is_empty() { None } else { Some(head(&text).map_err(named)?) };
        Ok(Self { file, found })
    }

    /// Where the chain goes on.
    pub(super) fn head(&self) -> Head {
        self.found.clone().unwrap_or_else(Head::none)
    }

    /// One write over the last one, never shorter than it: numbers only grow.
    pub(super) fn keep(&self, head: &Head) -> io::Result<()> {
        let mut text = serde_json::to_vec(head)?;
        text.push(b'\n');
        self.file.write_all_at(&text, 0)
    }
}

fn head(text: &str) -> Result<Head, String> {
    let advice = "to begin a new chain, move it away";
    let head: Head = serde_json::from_str(text).map_err(|error| format!("{error}; {advice}"))?;
    let fits = head.hash.len() == 64 && head.hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits { Ok(head) } else { Err(format!("`hash` is no SHA-256; {advice}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_was_kept_is_where_the_chain_goes_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        let mut head = Head::none();
        for _ in 0..12 {
            let state = StateFile::open(&path).expect("opened");
            assert_eq!(state.head(), head);
            head.append(b"{\"a\":1}", 0, &mut Vec::new());
            state.keep(&head).expect("kept");
        }
        assert_eq!(head.seq, 12);
    }

    #[test]
    fn what_is_no_state_begins_no_chain() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        for text in ["{", "\n", r#"{"seq":1,"hash":"abc"}"#, r#"{"seq":1}"#, r#"{"seq":-1,"hash":"abc"}"#] {
            std::fs::write(&path, text).expect("written");
            let error = StateFile::open(&path).expect_err(text).to_string();
            assert!(error.contains("move it away"), "{error}");
        }
        assert!(StateFile::open(dir.path()).is_err());
    }

    #[test]
    fn one_process_has_a_state_at_a_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        let first = StateFile::open(&path).expect("opened");
        let error = StateFile::open(&path).expect_err("locked").to_string();
        assert!(error.ends_with("another process writes it"), "{error}");
        drop(first);
        assert!(StateFile::open(&path).is_ok());
    }
}
