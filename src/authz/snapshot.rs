//! All that a decision depends on besides the request and the time: one immutable value.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::agents::{AgentIndex, Agents};
use super::algorithm::Algorithm;
use super::certificate::ForwardedCertificates;
use super::claims::Shape;
use super::keys::KeySet;
use super::metadata::Metadata;
use super::policy::Policies;
use super::proof::ProofRules;
use super::reason::Check;
use super::revocation::Revocations;
use super::route::Routes;
use super::target::TargetUrl;
use super::verified::VerifiedTokens;

/// Settings and keys as they were at one moment. Replaced whole, never changed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Names the configuration this was made from; printed in every record.
    pub revision: Arc<str>,
    pub issuers: HashMap<Box<str>, Arc<Issuer>>,
    pub services: Services,
    pub agents: Arc<Agents>,
    pub enforcement: Enforcement,
    pub proofs: Arc<ProofRules>,
    pub forwarded_certificates: Arc<ForwardedCertificates>,
    pub revocations: Arc<Revocations>,
    /// `None` where no policy is configured.
    pub policies: Option<Arc<Policies>>,
    /// Longest access token looked at, bytes.
    pub token_limit: usize,
    /// Longest body looked at, bytes.
    pub body_limit: usize,
    pub verified: Arc<VerifiedTokens>,
}

impl Snapshot {
    /// RFC 9068 section 4: `iss` must "exactly match"; no normalization.
    #[must_use]
    pub fn issuer(&self, name: &str) -> Option<&Issuer> {
        self.issuers.get(name).map(AsRef::as_ref)
    }
}

/// The most an issuer's clock may be configured to differ from ours.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

/// An authorization server, what its tokens look like, and its keys.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub name: Box<str>,
    pub algorithms: Vec<Algorithm>,
    /// Values of `typ` that mark an access token, lower case, without `application/`.
    pub token_types: Vec<Box<str>>,
    pub shape: Shape,
    /// Longest `exp - iat` accepted.
    pub max_lifetime: Duration,
    /// How far the issuer's clock may be from ours.
    pub clock_skew: Duration,
    /// `None` until the first set was had, and again when the last good one is too old.
    pub keys: Option<Arc<KeySet>>,
    /// Changes whenever anything above does.
    pub generation: u64,
}

impl Issuer {
    /// RFC 9068 section 4: verify that `typ` is `at+jwt` or `application/at+jwt`, "and reject
    /// tokens carrying any other value". Media types compare without case; a value without a
    /// slash is read as if `application/` stood before it (RFC 7515 section 4.1.9).
    #[must_use]
    pub fn accepts_type(&self, typ: &str) -> bool {
        let typ = typ.to_ascii_lowercase();
        let short = typ.strip_prefix("application/").unwrap_or(&typ);
        self.token_types.iter().any(|accepted| accepted.as_ref() == short)
    }
}

/// The services behind this hopgate, usually one.
#[derive(Clone, Debug, Default)]
pub struct Services(Vec<Arc<Service>>);

impl Services {
    #[must_use]
    pub fn new(services: Vec<Service>) -> Self {
        Self(services.into_iter().map(Arc::new).collect())
    }

    /// As the configuration calls them, in its order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|service| service.name.as_ref())
    }

    /// The service the operator named for this route in Envoy; with one service, no name is needed.
    /// The request itself has no say (`Host` is the caller's word).
    #[must_use]
    pub fn select(&self, named: Option<&str>) -> Option<&Arc<Service>> {
        match (named, self.0.as_slice()) {
            (Some(name), services) => services.iter().find(|service| service.name.as_ref() == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// One service: who it is, who may call what.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: Box<str>,
    /// Identifiers of this service in `aud`, compared exactly; the first is its own.
    pub audiences: Vec<Box<str>>,
    /// Refuse tokens that are for other services too.
    pub single_audience: bool,
    /// The agent that this service itself is, where it is one.
    pub agent: Option<AgentIndex>,
    /// Its protected resource metadata, where its identifier tells where that is.
    pub metadata: Option<Metadata>,
    /// The URLs under which callers know it; Envoy's view of scheme and host is not theirs. Without
    /// one no DPoP proof can be for it.
    pub external_urls: Vec<TargetUrl>,
    pub routes: Routes,
}

/// Which checks refuse and which only say that they would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enforcement([Mode; Check::ALL.len()]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    Observe,
}

impl Default for Enforcement {
    fn default() -> Self {
        Self([Mode::Enforce; Check::ALL.len()])
    }
}

impl Enforcement {
    /// Only observes `check` from now on, if that check may be observed at all.
    #[must_use]
    pub fn observing(mut self, check: Check) -> Self {
        if let Some(mode) = self.0.get_mut(check as usize)
            && check.can_observe()
        {
            *mode = Mode::Observe;
        }
        self
    }

    #[must_use]
    pub fn mode(&self, check: Check) -> Mode {
        self.0.get(check as usize).copied().unwrap_or(Mode::Enforce)
    }
}
