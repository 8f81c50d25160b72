//! Runs cases against a configuration.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use similar::TextDiff;

use super::case::Case;
use super::coverage::Coverage;
use super::expect::Expected;
use super::fault::TableFault;
use super::keys::{Keyring, Owner};
use super::request;
use super::token::{Maker, algorithm_of, owner_of};
use crate::audit::Decided;
use crate::authz::{Issuer, VerifiedTokens};
use crate::clock;
use crate::config::Settings;
use crate::envoy::decode::{Decoded, decode};
use crate::live::{Live, State};
use crate::offline::{self, Call, Ruling, shown};
use crate::replay::MemoryStore;

/// Claims that one case can make.
const CLAIMS: usize = 4096;

/// A table that was read whole.
#[derive(Debug)]
pub struct Table {
    pub file: PathBuf,
    pub cases: Vec<Case>,
}

/// A configuration with throw-away keys in place of its issuers', against which cases are run.
pub struct Bench<'a> {
    settings: &'a Settings,
    live: Live,
    keyring: Keyring,
    fields: BTreeSet<String>,
    /// When cases without a time of their own are decided.
    now: SystemTime,
}

/// How a case ended.
#[derive(Debug)]
pub enum Outcome {
    Passed,
    Failed(Failure),
    /// Its call could not be made.
    Broken(String),
    /// It says nothing about this configuration, and why.
    Skipped(String),
}

impl Outcome {
    /// It should have ended in another way.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Broken(_) => true,
            Self::Passed | Self::Skipped(_) => false,
        }
    }
}

/// What was otherwise than expected.
#[derive(Debug)]
pub struct Failure {
    /// Such as `deny scope_missing`.
    pub decided: String,
    /// Which of the same calls, from 1; `None` where there is one.
    pub attempt: Option<u32>,
    /// Lines that begin with `-` were expected, with `+` found.
    pub diff: String,
    /// What each check found, as `explain` shows it.
    pub verdicts: Vec<String>,
}

impl<'a> Bench<'a> {
    /// # Errors
    /// The machine has no randomness.
    pub fn new(settings: &'a Settings, now: SystemTime) -> Result<Self, String> {
        let state = State::first(settings, Arc::new(VerifiedTokens::with_capacity(CLAIMS)));
        // What is expected is written in names; a hash of one is another wherever the key is another.
        let state = state.map(|state| State { redaction: Arc::default(), ..state });
        let live = Live::new(state.map_err(|error| error.to_string())?);
        let nobody = offline::decide(&live.load(), &Decoded::default(), &MemoryStore::new(1, None), now);
        let record = nobody.map(|ruling| ruling.record).map_err(|error| error.to_string())?;
        let record: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&record).map_err(|error| error.to_string())?;
        // `claimed` is there only where a token was not verified; the log gives the last two.
        let fields = record.into_iter().map(|(name, _)| name);
        let fields = fields.chain(["claimed", "seq", "prev"].map(str::to_owned)).collect();
        let bench = Self { settings, live, keyring: Keyring::default(), fields, now };
        bench.stand_in()?;
        Ok(bench)
    }

    /// Reads the table in `file`.
    ///
    /// # Errors
    /// Every fault in it.
    pub fn read(&self, file: &Path) -> Result<Table, Vec<TableFault>> {
        let cases = super::read::read(file, self.settings, &self.fields, self.now)?;
        Ok(Table { file: file.to_owned(), cases })
    }

    /// Makes the keys that `cases` are signed with, and puts their public halves in force.
    ///
    /// # Errors
    /// A key can't be made.
    pub fn prepare(&self, cases: &[Case]) -> Result<(), String> {
        let before = self.keyring.count();
        for token in cases.iter().filter_map(|case| case.token.as_ref()) {
            let named = token.issuer.as_deref();
            let issuer = self.issuers().find(|issuer| named.is_none_or(|name| issuer.name.as_ref() == name));
            if let Some(issuer) = issuer {
                let algorithm = algorithm_of(token, issuer)?;
                for owner in [Owner::Issuer(issuer.name.as_ref().to_owned()), owner_of(token, issuer)] {
                    self.keyring.key(&owner, algorithm).map_err(|error| error.to_string())?;
                }
            }
        }
        if self.keyring.count() > before { self.stand_in() } else { Ok(()) }
    }

    /// Runs one case of a table in `folder`, and notes what it reaches.
    pub fn run(&self, case: &Case, folder: &Path, coverage: &mut Coverage) -> Outcome {
        let call = match self.call(case, folder) {
            Ok(call) => call,
            Err(error) => return Outcome::Broken(error),
        };
        // Each case for itself: none uses up what is another's.
        let store = MemoryStore::new(CLAIMS, None);
        let again = case.then.iter().flat_map(|then| (0..case.times).map(move |_| then));
        let all = std::iter::once(&case.expect).chain(again);
        for (attempt, expected) in (1..).zip(all) {
            let ruling = match self.decide(&call, &store, case.at) {
                Ok(ruling) => ruling,
                Err(error) => return Outcome::Broken(error),
            };
            coverage.note(&ruling);
            if let Some(failure) = failure(expected, &ruling, case.then.is_some().then_some(attempt)) {
                return Outcome::Failed(failure);
            }
        }
        Outcome::Passed
    }

    pub(super) fn settings(&self) -> &'a Settings {
        self.settings
    }

    pub(super) fn asks_for_nonces(&self) -> bool {
        self.live.load().snapshot.proofs.require_nonce
    }

    pub(super) fn now(&self) -> SystemTime {
        self.now
    }

    pub(super) fn issuers(&self) -> impl Iterator<Item = &'a Issuer> {
        self.settings.issuers.iter().map(|configured| &configured.issuer)
    }

    /// The keys that stand for those of the issuer called `name`, as a JWK Set (RFC 7517 section 5).
    ///
    /// # Errors
    /// A key can't be made.
    pub fn jwks(&self, name: &str) -> Result<serde_json::Value, String> {
        let issuer = self.issuers().find(|issuer| issuer.name.as_ref() == name);
        self.keyring.jwks_of(issuer.ok_or_else(|| format!("`{name}` is none of `issuers`"))?)
    }

    /// The call of `case`, signed now. Files it names are relative to `folder`.
    ///
    /// # Errors
    /// A file can't be read, or something can't be signed.
    pub fn call(&self, case: &Case, folder: &Path) -> Result<Call, String> {
        let peer = case.request.peer.as_deref().unwrap_or_default();
        let spiffe = super::known::spiffe_of(peer, self.settings).unwrap_or(peer);
        let made = |name: &str| {
            let pem = self.keyring.certificate(name, spiffe).map_err(|error| error.to_string())?;
            Ok(pem.as_ref().to_owned())
        };
        let written = case.request.certificate.as_deref();
        let certificate = written.map(|written| request::certificate(written, folder, made)).transpose()?;
        let mut call = request::call(&case.request, self.settings, certificate.unwrap_or_default());
        let state = self.live.load();
        let pem = call.certificate.clone();
        let maker = Maker {
            keyring: &self.keyring,
            issuers: self.issuers().collect(),
            service: self.settings.services.select(case.request.service.as_deref()).map(AsRef::as_ref),
            proofs: &state.snapshot.proofs,
            now: clock::unix(case.at),
            certificate: &pem,
        };
        request::present(case, &maker, &mut call)?;
        Ok(call)
    }

    /// What is decided on `call`; what may be used once is claimed on `store`.
    ///
    /// # Errors
    /// The record can't be written as JSON.
    pub fn decide(&self, call: &Call, store: &MemoryStore, at: SystemTime) -> Result<Ruling, String> {
        let message = call.clone().message();
        offline::decide(&self.live.load(), &decode(&message), store, at).map_err(|error| error.to_string())
    }

    /// Puts the throw-away keys in the place of every issuer's own.
    fn stand_in(&self) -> Result<(), String> {
        for configured in &self.settings.issuers {
            let keys = self.keyring.set_of(&configured.issuer)?;
            self.live.set_keys(&configured.issuer.name, &configured.keys, Some(Arc::new(keys)));
        }
        Ok(())
    }
}

fn failure(expected: &Expected, ruling: &Ruling, attempt: Option<u32>) -> Option<Failure> {
    let (wanted, found) = expected.differences(ruling)?;
    Some(differing(&wanted, &found, ruling, attempt))
}

/// That `found` is not what was `wanted`, both one line a value.
pub(super) fn differing(wanted: &str, found: &str, ruling: &Ruling, attempt: Option<u32>) -> Failure {
    let diff = TextDiff::from_lines(wanted, found);
    let mut text = String::new();
    for change in diff.iter_all_changes() {
        // Writing to a `String` can't fail.
        let _ = writeln!(text, "{} {}", change.tag(), change.value().trim_end_matches('\n'));
    }
    Failure { decided: decided(ruling), attempt, diff: text, verdicts: shown::verdicts(ruling) }
}

fn decided(ruling: &Ruling) -> String {
    match ruling.decided {
        Decided::Allowed => "allow".to_owned(),
        Decided::Answered => "answer".to_owned(),
        Decided::Refused(reason) => format!("deny {} by {}", reason.code(), reason.check()),
    }
}
