//! A throw-away ES256 issuer: one key, its JWKS, and any number of distinct tokens.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use jsonwebtoken::Algorithm;

pub(crate) const ISSUER: &str = "https://issuer.bench.local";
pub(crate) const AUDIENCE: &str = "https://invoices.bench.local";

/// Within hopgate's `max_lifetime` and longer than any bench.
const LIFETIME: Duration = Duration::from_secs(600);

pub(crate) struct Issuer {
    key: SigningKey,
    /// The JWKS as JSON text.
    pub(crate) jwks: String,
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256).expect("a key");
        let jwks = key.jwks().to_string();
        Self { key, jwks }
    }

    /// An access token (RFC 9068) of alice for `audience`, held by researcher, which planner called (RFC 8693 4.1).
    pub(crate) fn token(&self, audience: &str) -> String {
        TokenBuilder::new(ISSUER, "alice", audience)
            .client_id("researcher")
            .scope("invoices:read")
            .actors(["researcher", "planner"])
            .lifetime(LIFETIME)
            .sign(&self.key)
            .expect("a token")
    }

    /// Writes `count` distinct tokens for [`AUDIENCE`], one a line.
    pub(crate) fn write(&self, file: &Path, count: usize) {
        let mut file = BufWriter::new(File::create(file).expect("a file"));
        for _ in 0..count {
            writeln!(file, "{}", self.token(AUDIENCE)).expect("room on the disk");
        }
    }
}
