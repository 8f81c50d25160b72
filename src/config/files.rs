//! The files a configuration is made of.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;

use super::faults::Faults;

/// Nothing an operator writes by hand is larger, bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Reads files relative to one folder, and remembers which and what was in them.
pub(super) struct Files<'a> {
    folder: &'a Path,
    read: Vec<PathBuf>,
    hash: digest::Context,
}

impl<'a> Files<'a> {
    pub(super) fn new(folder: &'a Path) -> Self {
        Self { folder, read: Vec::new(), hash: digest::Context::new(&digest::SHA256) }
    }

    /// The content of `name`, or a fault at `path`.
    pub(super) fn read(&mut self, name: impl AsRef<Path>, path: &str, faults: &mut Faults) -> Option<Vec<u8>> {
        let name = name.as_ref();
        let file = self.folder.join(name);
        self.read.push(file.clone());
        match read_bounded(&file) {
            Ok(bytes) => {
                // Policies without a name of their own are called by their file's.
                let called = name.file_name().unwrap_or_default().as_encoded_bytes();
                self.hash.update(&(called.len() as u64).to_be_bytes());
                self.hash.update(called);
                self.hash.update(&(bytes.len() as u64).to_be_bytes());
                self.hash.update(&bytes);
                Some(bytes)
            }
            Err(error) => {
                faults.add(path, format_args!("can't read `{}`: {error}", file.display()));
                None
            }
        }
    }

    /// The PEM certificates in `name`, or a fault at `path`.
    pub(super) fn certificates(&mut self, name: &str, path: &str, faults: &mut Faults) -> Option<Vec<u8>> {
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        let pem = self.read(name, path, faults)?;
        if !pem.windows(BEGIN.len()).any(|window| window == BEGIN) {
            faults.add(path, format_args!("`{name}` holds no PEM certificate"));
        }
        Some(pem)
    }

    /// Where `name` is.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether `name` can be read now, or a fault at `path`. What it holds is no part of the
    /// configuration: it is read again where it is used, and may be another by then.
    pub(super) fn find(&self, name: impl AsRef<Path>, path: &str, faults: &mut Faults) -> PathBuf {
        let file = self.folder.join(name);
        match read_bounded(&file).map(String::from_utf8) {
            Ok(Ok(text)) if !text.trim().is_empty() => {}
            Ok(_) => faults.add(path, format_args!("`{}` holds no text", file.display())),
            Err(error) => faults.add(path, format_args!("can't read `{}`: {error}", file.display())),
        }
        file
    }

    /// The files read, and a short digest of all they held.
    pub(super) fn finish(self) -> (Vec<PathBuf>, String) {
        let digest = self.hash.finish();
        (self.read, crate::audit::hex(digest.as_ref().get(..6).unwrap_or_default()))
    }
}

pub(super) fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)?.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!("it is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}
