//! The configuration as the program uses it: every name resolved, every value checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use url::Url;

use super::faults::Fault;
use super::revocations::RevocationSettings;
use super::sender::ProofSettings;
use super::tls::{TlsFiles, TlsSettings};
use crate::audit::{CheckpointKey, Redaction};
use crate::authz::{Agents, Enforcement, ForwardedCertificates, Issuer, Policies, Services};

/// A configuration that can be served.
#[derive(Debug)]
pub struct Settings {
    /// First 12 hex digits of the SHA-256 over the configuration and the key files it names.
    pub revision: Arc<str>,
    pub process: ProcessSettings,
    /// `Some` where `process.listen` is [`Listen::Tcp`].
    pub tls: Option<TlsSettings>,
    pub upstream: Upstream,
    pub redaction: Arc<Redaction>,
    pub issuers: Vec<IssuerSettings>,
    pub agents: Arc<Agents>,
    pub services: Services,
    pub policies: Option<Arc<Policies>>,
    pub enforcement: Enforcement,
    pub forwarded_certificates: Arc<ForwardedCertificates>,
    pub revocations: Option<RevocationSettings>,
    /// Longest access token, bytes.
    pub token_limit: usize,
    /// Longest body that is read, bytes.
    pub body_limit: usize,
    /// What is allowed and likely a mistake.
    pub warnings: Vec<Fault>,
    /// Every file read; a change of one makes a new configuration.
    pub files: Vec<PathBuf>,
}

/// What is fixed for the life of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    pub listen: Listen,
    pub admin: SocketAddr,
    /// A Unix socket or a loopback address.
    pub watch: Option<Listen>,
    pub replay: ReplaySettings,
    pub proofs: ProofSettings,
    pub audit: AuditSettings,
    pub otlp: Option<OtlpSettings>,
    /// Checks in progress at once.
    pub concurrency: usize,
    /// Largest `CheckRequest`, bytes.
    pub message_bytes: usize,
    pub verified_tokens: usize,
    /// Longest time for one check.
    pub deadline: Duration,
    pub drain: Duration,
}

impl ProcessSettings {
    /// The sections of the configuration in which `next` is another.
    #[must_use]
    pub fn changes(&self, next: &Self) -> Vec<&'static str> {
        let Self {
            listen,
            admin,
            watch,
            replay,
            proofs,
            audit,
            otlp,
            concurrency,
            message_bytes,
            verified_tokens,
            deadline,
            drain,
        } = self;
        let sizes = (*concurrency, *message_bytes, *verified_tokens);
        let limits = sizes != (next.concurrency, next.message_bytes, next.verified_tokens)
            || (*deadline, *drain) != (next.deadline, next.drain);
        let sections = [
            ("listen or the files of tls", *listen != next.listen),
            ("admin", *admin != next.admin),
            ("watch", *watch != next.watch),
            ("replay", *replay != next.replay),
            ("dpop", *proofs != next.proofs),
            ("audit", *audit != next.audit),
            ("otlp", *otlp != next.otlp),
            ("limits", limits),
        ];
        sections.into_iter().filter_map(|(section, changed)| changed.then_some(section)).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Records waiting to be written.
    pub queue: usize,
    pub state_file: Option<PathBuf>,
    pub checkpoint: Option<CheckpointSettings>,
}

impl AuditSettings {
    /// Whether `next` can't go on from the state that is kept now.
    #[must_use]
    pub fn loses_state(&self, next: &Self) -> bool {
        let key = |settings: &Self| settings.checkpoint.as_ref().map(|checkpoint| checkpoint.key.clone());
        self.state_file.is_some() && self.state_file == next.state_file && key(self) != key(next)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointSettings {
    pub key: CheckpointKey,
    pub every: Duration,
}

/// A collector. Its headers are marked as secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpSettings {
    /// `https`, or `http`; no path.
    pub endpoint: Url,
    /// Instead of the system's certificate authorities.
    pub ca_pem: Option<Vec<u8>>,
    pub headers: HeaderMap,
    /// Longest time for one request.
    pub timeout: Duration,
    pub traces: bool,
    pub logs: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    Unix {
        path: PathBuf,
        mode: u32,
    },
    Loopback(SocketAddr),
    /// Over TLS, for listed clients.
    Tcp {
        address: SocketAddr,
        tls: TlsFiles,
    },
}

/// As it is written in a configuration.
impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Loopback(address) | Self::Tcp { address, .. } => address.fmt(f),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaySettings {
    pub store: StoreSettings,
    pub accept_tokens_issued_before_start: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    Memory { capacity: usize },
    Redis(RedisSettings),
}

/// A server that remembers claims. Its credentials stay in their files, which are read at each
/// connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisSettings {
    pub address: RedisAddress,
    pub database: i64,
    pub username_file: Option<PathBuf>,
    pub password_file: Option<PathBuf>,
    /// Longest time for one claim.
    pub timeout: Duration,
    pub key_prefix: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisAddress {
    Tcp {
        host: String,
        port: u16,
    },
    /// `ca_pem` instead of the system's certificate authorities.
    Tls {
        host: String,
        port: u16,
        ca_pem: Option<Vec<u8>>,
    },
    Unix(PathBuf),
}

/// What the service behind Envoy gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub forward_token: bool,
    pub identity_headers: bool,
}

/// An issuer, with its keys already there if they come from a file.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    pub issuer: Issuer,
    pub keys: KeySource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    File,
    Remote(RemoteKeys),
}

impl KeySource {
    /// Whether keys from `other` are as good as keys from here: fetched from the same place, with
    /// the same trust, however often.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Remote(one), Self::Remote(other)) => one.same_place(other),
            (Self::File | Self::Remote(_), _) => false,
        }
    }
}

impl RemoteKeys {
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        self.location == other.location && self.insecure == other.insecure && self.ca_pem == other.ca_pem
    }
}

/// Keys that are fetched and refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteKeys {
    pub location: KeyLocation,
    pub refresh: Duration,
    pub max_stale: Duration,
    pub cooldown: Duration,
    pub insecure: bool,
    /// PEM certificates to trust beside the system's.
    pub ca_pem: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLocation {
    JwksUri(Url),
    /// By the metadata of the issuer with this identifier.
    Discovery(Url),
}
