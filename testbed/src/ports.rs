//! Ports for programs that must be told theirs beforehand, and waiting for what listens on them.
//!
//! Envoy needs none of this: it binds port 0 itself and tells what it got.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as unix, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, process};

use crate::{Error, wait};

const GIVEN: RangeInclusive<u16> = 20_000..=32_767;

/// One for each port this process was given, until it ends.
static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// A loopback address nobody listens on, given to no other process of the testbed while this one runs.
///
/// Wherever the kernel's settings allow it, the port is not one of those that the kernel gives to outgoing connections
/// and to whoever binds port 0. Between being told its port and binding it a program takes long enough for one of those
/// to get in before it.
///
/// # Errors
/// When no port is free, or none can be claimed.
pub fn free() -> Result<SocketAddr, Error> {
    let kernels = kernels_own();
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let (others, own): (Vec<u16>, Vec<u16>) = from_somewhere().partition(|port| !kernels.contains(port));
    for port in others.into_iter().chain(own) {
        let Some(claim) = claim(port)? else { continue };
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            claims.push(claim);
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
    }
    Err(Error::NoPort(GIVEN))
}

/// Each port once. Processes start at different ones, so that they seldom want the same.
fn from_somewhere() -> impl Iterator<Item = u16> {
    let ports = GIVEN.count();
    let start = usize::try_from(process::id()).ok().and_then(|id| id.wrapping_mul(97).checked_rem(ports));
    GIVEN.cycle().skip(start.unwrap_or_default()).take(ports)
}

/// A socket in the abstract namespace, which like the port itself belongs to one process at a time, to the network
/// namespace and to no folder; or nothing where another has it.
fn claim(port: u16) -> Result<Option<UnixListener>, Error> {
    let address = unix::SocketAddr::from_abstract_name(format!("hopgate-testbed-port-{port}"));
    match address.and_then(|address| UnixListener::bind_addr(&address)) {
        Ok(claim) => Ok(Some(claim)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
        Err(error) => Err(Error::io(format!("claim port {port}"))(error)),
    }
}

/// The ports that the kernel picks from (`net.ipv4.ip_local_port_range`), or its default.
fn kernels_own() -> RangeInclusive<u16> {
    let told = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = told.split_whitespace().map_while(|bound| bound.parse().ok());
    match (bounds.next(), bounds.next()) {
        (Some(first), Some(last)) => first..=last,
        _ => 32_768..=60_999,
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
    use std::collections::HashSet;
    use std::thread;

    use super::*;
    use crate::SocketDir;

    #[test]
    fn a_port_is_given_once() {
        let ports: HashSet<u16> = (0..64).map(|_| free().expect("a free port").port()).collect();
        assert_eq!(ports.len(), 64);
        let kernels = kernels_own();
        assert!(ports.iter().all(|port| !kernels.contains(port)), "{ports:?}");
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
