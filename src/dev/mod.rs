//! Throw-away parts for trying hopgate out: a token issuer, a token mint, a mesh CA and an echo service.
//!
//! **NOT FOR PRODUCTION.** Keys lie unencrypted on disk, clients' secrets are compared with what a command line said,
//! and anyone who reaches the issuer is given a token for any user. Therefore everything here listens on loopback only,
//! and the issuer's metadata carries `"hopgate_dev": true` so that nothing can take it for a real one.
//!
//! Nothing in the request path uses this module.

pub mod certs;
pub mod echo;
mod error;
mod files;
pub mod issuer;
pub mod keys;
pub mod mint;
pub mod proof;

use std::net::SocketAddr;

pub use error::DevError;

/// What every dev command says on stderr before it does anything.
pub const WARNING: &str = "hopgate dev is for trying hopgate out and is NOT FOR PRODUCTION: its keys, tokens and \
                           certificates protect nothing";

/// `address`, if it can only be reached from this machine.
///
/// # Errors
/// [`DevError::NotLoopback`] for every other address, the unspecified ones (`0.0.0.0`, `[::]`) included.
pub fn loopback(address: SocketAddr) -> Result<SocketAddr, DevError> {
    // An IPv4-mapped `::ffff:127.0.0.1` is the IPv4 loopback under another name.
    if address.ip().to_canonical().is_loopback() { Ok(address) } else { Err(DevError::NotLoopback { found: address }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_listened_on() {
        for (address, allowed) in [
            ("127.0.0.1:9000", true),
            ("127.8.8.8:1", true),
            ("[::1]:9000", true),
            ("[::ffff:127.0.0.1]:9000", true),
            ("0.0.0.0:9000", false),
            ("[::]:9000", false),
            ("192.0.2.1:9000", false),
            ("[::ffff:192.0.2.1]:9000", false),
        ] {
            let parsed: Option<SocketAddr> = address.parse().ok();
            assert_eq!(parsed.map(|a| loopback(a).is_ok()), Some(allowed), "{address}");
        }
    }
}
