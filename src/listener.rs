//! The socket that Envoy connects to.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener};

use crate::config::Listen;

/// Checks one connection may have in progress; Envoy opens few connections and many streams. Above
/// `limits.concurrency`, so that what is too much gets our refusal and not a reset stream.
pub const MAX_STREAMS: u32 = 16_384;
/// Largest metadata of a check, bytes: more than the headers Envoy takes from anybody, which a
/// tracer may pass on to us. What is larger is answered 431, outside of gRPC.
pub const MAX_HEADERS: u32 = 256 * 1024;
/// Reset streams a connection may leave behind. h2's default (20) ends the connection, to defend a
/// server from a stranger; our peer is the operator's own Envoy, whose one connection carries
/// everybody's checks and every caller's resets.
pub const MAX_RESETS: usize = 1_000_000;

/// A bound socket.
#[derive(Debug)]
pub enum Listener {
    Unix(UnixListener),
    Loopback(TcpListener),
    /// For TLS alone.
    Tcp(TcpListener),
}

/// Binds `listen`.
///
/// # Errors
/// The address is in use by somebody who answers, or can't be bound.
pub async fn bind(listen: &Listen) -> io::Result<Listener> {
    match listen {
        Listen::Unix { path, mode } => bind_unix(path, *mode).map(Listener::Unix),
        Listen::Loopback(address) => TcpListener::bind(address).await.map(Listener::Loopback),
        Listen::Tcp { address, .. } => TcpListener::bind(address).await.map(Listener::Tcp),
    }
}

/// Binds beside `path`, sets the mode, and moves the socket into place: under its own name it is
/// never there with another mode, and a socket left by a process that died is replaced. Beside it,
/// for that moment, the folder's mode and the umask are what keeps others out.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(io::Error::other("the path exists and is not a socket"));
        }
        Ok(_) if StdUnixStream::connect(path).is_ok() => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers on it"));
        }
        Ok(_) | Err(_) => {}
    }
    let beside = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    remove_if_there(&beside)?;
    let listener = UnixListener::bind(&beside)?;
    let placed = std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(mode))
        .and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = placed {
        remove_if_there(&beside)?;
        return Err(error);
    }
    Ok(listener)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
