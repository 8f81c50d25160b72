//! Files that hold keys: never readable by others, not even for a moment, and never written over another file.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use super::DevError;

/// Writes a new file that only its owner can read (mode 0600).
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), DevError> {
    write_new(path, text, 0o600)
}

/// Writes a new file that everyone can read (mode 0644).
pub(super) fn write_public(path: &Path, text: &str) -> Result<(), DevError> {
    write_new(path, text, 0o644)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), DevError> {
    // `create_new`: a mistyped path must not destroy a real key, and an existing file would keep its own wider mode.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|fault| DevError::File { path: path.to_owned(), fault })
}
