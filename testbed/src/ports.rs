//! Ports from the operating system, and waiting for what listens on them.
//!
//! Envoy needs none of this: it binds port 0 itself and tells what it got. This is for programs that must be told
//! their port beforehand.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::{Error, wait};

static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

/// A loopback address nobody listens on, and that this process has not been given before.
///
/// Another process may take the port first; whoever binds it should be ready to ask again.
///
/// # Errors
/// When the operating system has no port to give.
pub fn free() -> Result<SocketAddr, Error> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(Error::io("ask for a free port"))?;
        if given.insert(address.port()) {
            return Ok(address);
        }
    }
}

/// Waits until a TCP connection to `address` is accepted.
///
/// # Errors
/// [`Error::TimedOut`] with the last connection error.
pub fn wait_for_tcp(address: SocketAddr, within: Duration) -> Result<(), Error> {
    wait::until(&format!("a listener on {address}"), within, || {
        Ok(TcpStream::connect(address).map(drop).map_err(|error| error.to_string()))
    })
}

/// Waits until a connection to the Unix socket at `path` is accepted.
///
/// # Errors
/// [`Error::TimedOut`] with the last connection error.
pub fn wait_for_unix(path: &Path, within: Duration) -> Result<(), Error> {
    wait::until(&format!("a listener on {}", path.display()), within, || {
        Ok(UnixStream::connect(path).map(drop).map_err(|error| error.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::SocketDir;

    #[test]
    fn a_port_is_given_once() {
        let ports: HashSet<u16> = (0..64).map(|_| free().expect("a free port").port()).collect();
        assert_eq!(ports.len(), 64);
    }

    #[test]
    fn waiting_for_a_dead_port_says_what_was_seen() {
        let dead = free().expect("a free port");
        let error = wait_for_tcp(dead, Duration::from_millis(20)).expect_err("nobody listens");
        assert!(error.to_string().contains("refused"), "{error}");
    }

    #[test]
    fn waiting_ends_once_something_listens() {
        let sockets = SocketDir::new().expect("a directory");
        let path = sockets.path("late");
        let late = path.clone();
        let unix = thread::spawn(move || UnixListener::bind(late));
        wait_for_unix(&path, Duration::from_secs(5)).expect("a listener");
        unix.join().expect("no panic").expect("a socket");

        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let address = tcp.local_addr().expect("its address");
        wait_for_tcp(address, Duration::from_secs(5)).expect("a listener");
    }
}
