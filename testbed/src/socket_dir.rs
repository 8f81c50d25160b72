use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Error;

/// `sun_path` holds 108 bytes with its final NUL; some platforms fewer.
const LIMIT: usize = 100;

/// A private directory for Unix sockets, with paths short enough for them, removed on drop.
#[derive(Debug)]
pub struct SocketDir(TempDir);

impl SocketDir {
    /// Makes the directory under `/tmp`, not `TMPDIR`, which may be too deep for a socket.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn new() -> Result<Self, Error> {
        let dir = tempfile::Builder::new()
            .prefix("hg-")
            .tempdir_in("/tmp")
            .map_err(Error::io("make a directory for sockets"))?;
        Ok(Self(dir))
    }

    /// The path of the socket `name`.sock in it. Nothing is created.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name).with_extension("sock")
    }

    /// The directory itself, for the other files of a test.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.0.path()
    }
}

/// Refuses a path that the kernel would refuse with less to say.
pub(crate) fn check_length(path: &Path) -> Result<(), Error> {
    let found = path.as_os_str().len();
    if found > LIMIT {
        return Err(Error::SocketPathTooLong { path: path.to_owned(), found, limit: LIMIT });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_can_be_bound_at_its_path() {
        let sockets = SocketDir::new().expect("a directory");
        let path = sockets.path("check");
        check_length(&path).expect("a short path");
        UnixListener::bind(path).expect("a socket");
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_refused() {
        let path = PathBuf::from("/tmp").join("x".repeat(LIMIT));
        check_length(&path).expect_err("105 bytes");
    }
}
