//! Where hopgate is asked, and where it is watched.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::faults::Faults;
use super::files::Files;
use super::settings::Listen;
use super::{tls, written};

/// Where Envoy asks; `None` with a fault.
pub(super) fn checks(config: &written::Config, files: &Files<'_>, faults: &mut Faults) -> Option<Listen> {
    if config.listen.starts_with("unix:") {
        if config.tls.is_some() {
            faults.add("tls", "is not used: `listen` is a Unix socket");
        }
        return unix("listen", &config.listen, &config.socket_mode, faults);
    }
    let address = address("listen", &config.listen, "127.0.0.1:9191", faults)?;
    tls::listen(address, config.tls.as_ref(), files, faults)
}

/// Where decisions are shown. Nobody who asks there is authenticated, so it must be this machine.
///
/// # Errors
/// It is something else; there is a fault.
pub(super) fn watch(config: &written::Config, faults: &mut Faults) -> Result<Option<Listen>, ()> {
    let Some(written) = &config.watch else { return Ok(None) };
    if written.starts_with("unix:") {
        return unix("watch", written, &config.socket_mode, faults).map(Some).ok_or(());
    }
    let address = address("watch", written, "127.0.0.1:9903", faults).ok_or(())?;
    if address.ip().is_loopback() {
        return Ok(Some(Listen::Loopback(address)));
    }
    faults.add(
        "watch",
        format_args!(
            "found `{address}`, expected a Unix socket or a loopback address: who asks there is not authenticated"
        ),
    );
    Err(())
}

fn unix(field: &str, written: &str, mode: &str, faults: &mut Faults) -> Option<Listen> {
    let path = written.strip_prefix("unix:").unwrap_or_default();
    if !path.starts_with('/') {
        faults.add(field, format_args!("found `{written}`, expected an absolute path after `unix:`"));
        return None;
    }
    // The schema has checked the digits.
    let mode = u32::from_str_radix(mode, 8).ok()?;
    Some(Listen::Unix { path: PathBuf::from(path), mode })
}

fn address(field: &str, written: &str, example: &str, faults: &mut Faults) -> Option<SocketAddr> {
    let address = written.parse().ok();
    if address.is_none() {
        faults.add(
            field,
            format_args!("found `{written}`, expected `unix:/path/to.sock` or an address such as `{example}`"),
        );
    }
    address
}
