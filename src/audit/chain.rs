//! How a line is held by the one after it, and where a chain goes on after a restart.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use aws_lc_rs::{constant_time, digest, hmac};
use serde::{Deserialize, Serialize};

use super::checkpoint::CheckpointKey;
use super::record::hex;

/// More than a state has, bytes.
const MAX_STATE: u64 = 4096;

/// The last line of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
///
/// Where checkpoints are signed, the state is sealed with a secret made of their key: else whoever can write
/// the file could have hopgate go on from a chain of theirs, and sign it.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    seal: Option<hmac::Key>,
    found: Option<Head>,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    #[serde(flatten)]
    head: Head,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seal: Option<String>,
}

impl StateFile {
    /// Opens the file at `path`, or makes it; no other process may have it open. With `key`, only a state is taken that was
    /// sealed with it.
    ///
    /// # Errors
    /// It can't be opened or locked, or holds something else.
    pub fn open(path: &Path, key: Option<&CheckpointKey>) -> io::Result<Self> {
        let named = |why: String| io::Error::other(format!("state file `{}`: {why}", path.display()));
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = open.map_err(|error| named(error.to_string()))?;
        // What is no file keeps nothing, or is waited for.
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(named("it is no regular file".to_owned()));
        }
        file.try_lock().map_err(|error| match error {
            std::fs::TryLockError::WouldBlock => named("another process writes it".to_owned()),
            std::fs::TryLockError::Error(error) => named(error.to_string()),
        })?;
        let mut text = String::new();
        (&file).take(MAX_STATE).read_to_string(&mut text).map_err(|error| named(error.to_string()))?;
        let mut state = Self { file, seal: key.map(CheckpointKey::seal), found: None };
        let file = path.display();
        if text.is_empty() {
            tracing::info!(%file, "a new chain of records begins");
        } else {
            let moved = |why| named(format!("{why}; to begin a new chain, move it away"));
            let head = state.read(&text).map_err(moved)?;
            tracing::info!(%file, seq = head.seq, hash = %head.hash, "the chain of records goes on");
            state.found = Some(head);
        }
        Ok(state)
    }

    /// Where the chain goes on.
    pub(super) fn head(&self) -> Head {
        self.found.clone().unwrap_or_else(Head::none)
    }

    /// One write over the last one, never shorter than it: numbers only grow.
    pub(super) fn keep(&self, head: &Head) -> io::Result<()> {
        self.file.write_all_at(self.text(head)?.as_bytes(), 0)
    }

    fn text(&self, head: &Head) -> serde_json::Result<String> {
        let seal = self.seal.as_ref().map(|key| hex(hmac::sign(key, sealed(head).as_bytes()).as_ref()));
        Ok(serde_json::to_string(&State { head: head.clone(), seal })? + "\n")
    }

    /// Nothing but what [`Self::keep`] wrote is read.
    fn read(&self, text: &str) -> Result<Head, String> {
        let State { head, seal } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let ours = self.text(&head).map_err(|error| error.to_string())?;
        if constant_time::verify_slices_are_equal(ours.as_bytes(), text.as_bytes()).is_ok() && is_hash(&head.hash) {
            return Ok(head);
        }
        Err(match (&self.seal, seal) {
            (Some(_), None) => "it is not sealed, so anybody may have written it".to_owned(),
            (Some(_), Some(_)) => "it was not sealed with this `checkpoint.key_file`".to_owned(),
            (None, Some(_)) => "it is sealed, and there is no `checkpoint` to open it".to_owned(),
            (None, None) => "it is not as hopgate writes it".to_owned(),
        })
    }
}

/// What is sealed of `head`.
fn sealed(head: &Head) -> String {
    format!("{}:{}", head.seq, head.hash)
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
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
            let state = StateFile::open(&path, None).expect("opened");
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
            let error = StateFile::open(&path, None).expect_err(text).to_string();
            assert!(error.contains("move it away"), "{error}");
        }
        assert!(StateFile::open(dir.path(), None).is_err());
        let device = StateFile::open(Path::new("/dev/null"), None).expect_err("no file").to_string();
        assert!(device.ends_with("it is no regular file"), "{device}");
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        assert!(StateFile::open(&pipe, None).is_err());
    }

    #[test]
    fn a_state_that_is_not_as_it_was_written_is_none() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        StateFile::open(&path, None).expect("opened").keep(&Head::none()).expect("kept");
        let text = std::fs::read_to_string(&path).expect("read");
        for other in [text.replace(':', ": "), format!("{text} "), text.trim_end().to_owned()] {
            std::fs::write(&path, &other).expect("written");
            assert!(StateFile::open(&path, None).is_err(), "{other}");
        }
    }

    #[test]
    fn only_the_key_that_signs_opens_a_state() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        let key = || CheckpointKey::from_pem(rcgen::KeyPair::generate().expect("a key").serialize_pem().as_bytes());
        let (ours, other) = (key().expect("a key"), key().expect("a key"));
        let refused = |key: Option<&CheckpointKey>| StateFile::open(&path, key).expect_err("refused").to_string();
        let mut head = Head::none();
        head.append(b"{}", 0, &mut Vec::new());
        StateFile::open(&path, Some(&ours)).expect("opened").keep(&head).expect("kept");
        assert_eq!(StateFile::open(&path, Some(&ours)).expect("opened").head(), head);
        assert!(refused(Some(&other)).contains("not sealed with this"));
        assert!(refused(None).contains("it is sealed"));
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replace("\"seq\":1", "\"seq\":2")).expect("written");
        assert!(refused(Some(&ours)).contains("not sealed with this"));
        std::fs::remove_file(&path).expect("removed");
        StateFile::open(&path, None).expect("opened").keep(&head).expect("kept");
        assert!(refused(Some(&ours)).contains("it is not sealed"));
    }

    #[test]
    fn one_process_has_a_state_at_a_time() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state");
        let first = StateFile::open(&path, None).expect("opened");
        let error = StateFile::open(&path, None).expect_err("locked").to_string();
        assert!(error.ends_with("another process writes it"), "{error}");
        drop(first);
        assert!(StateFile::open(&path, None).is_ok());
    }
}
