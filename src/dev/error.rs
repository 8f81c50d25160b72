//! What can go wrong in a dev tool, for the person at the command line: each text is complete without its source.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a dev tool stopped.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The address could be reached from another machine.
    #[error(
        "refusing to listen on `{found}`: expected a loopback address such as 127.0.0.1:9000, because the dev tools \
         give a token for any user to whoever asks"
    )]
    NotLoopback { found: SocketAddr },
    /// The algorithm has no public key (HMAC), or is one this build can't make keys for.
    #[error(
        "can't make a signing key for `{found:?}`: expected ES256, ES384, EdDSA, RS256, RS384, RS512, PS256, PS384 or PS512"
    )]
    Algorithm { found: jsonwebtoken::Algorithm },
    /// The cryptographic library refused; it does not say more.
    #[error("couldn't generate a {0:?} key")]
    Generate(jsonwebtoken::Algorithm),
    /// Private key bytes that are not the PKCS#8 they should be.
    #[error("private key is not a PKCS#8 (RFC 5208) key for {0:?}")]
    Pkcs8(jsonwebtoken::Algorithm),
    /// Signing, or reading a key, failed.
    #[error(transparent)]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// JSON could not be written.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    /// Not a SPIFFE id, or not one of this trust domain.
    #[error("`{found}` is not a SPIFFE id this CA can issue: expected {expected}")]
    Spiffe { found: String, expected: String },
    /// Two certificates would have the same file name.
    #[error("two certificates would be written to `{0}`: give SPIFFE ids whose last segments differ, and are not `ca`")]
    SameFile(PathBuf),
    /// The issuer identifier is not one (RFC 8414 section 2).
    #[error("`{found}` is not an issuer identifier: expected {expected}")]
    Issuer { found: String, expected: &'static str },
    /// Two clients have one id.
    #[error("client `{0}` is configured twice: expected each id once")]
    SameClient(String),
    /// A name no OAuth client or scope may have.
    #[error("`{found}` is not {expected}")]
    Syntax { found: String, expected: &'static str },
    /// A file could not be read or written.
    #[error("`{path}`: {fault}")]
    File { path: PathBuf, fault: io::Error },
    /// A key file holds something else.
    #[error("`{path}` is not a hopgate dev key: expected an object of alg, kid and pkcs8: {fault}")]
    KeyFile { path: PathBuf, fault: serde_json::Error },
    /// A configuration file holds something else.
    #[error("`{path}` is not a dev issuer configuration: {fault}")]
    ConfigFile { path: PathBuf, fault: String },
    /// The address could not be listened on.
    #[error("can't listen on `{address}`: {fault}")]
    Listen { address: SocketAddr, fault: io::Error },
    /// A socket, a signal handler or standard output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}
