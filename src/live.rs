//! What is in force right now, swapped whole.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::audit::Redaction;
use crate::authz::{Issuer, KeySet, NonceKey, ProofRules, Revocations, Snapshot, SpiffeId, VerifiedTokens};
use crate::config::{
    IssuerSettings, KeySource, ProcessSettings, Secret, Settings, StoreSettings, Upstream, next_generation,
};

/// One immutable state: what a decision depends on, and how its answer is dressed.
#[derive(Clone, Debug)]
pub struct State {
    pub snapshot: Snapshot,
    pub upstream: Upstream,
    /// What of a decision is written down.
    pub redaction: Arc<Redaction>,
    /// Where each issuer's keys come from. Keys from elsewhere are not put in force.
    pub key_sources: HashMap<Box<str>, KeySource>,
    pub revocation_file: Option<PathBuf>,
    /// Who may ask over TLS.
    pub clients: Arc<HashSet<SpiffeId>>,
}

impl State {
    /// The first state of a process.
    ///
    /// # Errors
    /// The machine has no randomness for the key of nonces.
    pub fn first(settings: &Settings, verified: Arc<VerifiedTokens>) -> io::Result<Self> {
        Ok(Self::new(settings, Arc::new(proof_rules(&settings.process)?), verified, None))
    }

    /// The state that follows this one when the settings have changed. Issuers whose keys are fetched
    /// keep theirs until new ones arrive, if they come from the same place; and the rules for proofs
    /// stay, as what is remembered of proofs is remembered for as long as those said.
    #[must_use]
    pub fn next(&self, settings: &Settings, verified: Arc<VerifiedTokens>) -> Self {
        Self::new(settings, Arc::clone(&self.snapshot.proofs), verified, Some(self))
    }

    fn new(
        settings: &Settings,
        proofs: Arc<ProofRules>,
        verified: Arc<VerifiedTokens>,
        previous: Option<&Self>,
    ) -> Self {
        let issuers: HashMap<_, _> = settings
            .issuers
            .iter()
            .map(|configured| {
                let mut issuer = configured.issuer.clone();
                if issuer.keys.is_none() {
                    issuer.keys = previous.and_then(|state| state.keys_for(configured));
                }
                (issuer.name.clone(), Arc::new(issuer))
            })
            .collect();
        let snapshot = Snapshot {
            revision: Arc::clone(&settings.revision),
            issuers,
            services: settings.services.clone(),
            agents: Arc::clone(&settings.agents),
            enforcement: settings.enforcement,
            proofs,
            forwarded_certificates: Arc::clone(&settings.forwarded_certificates),
            revocations: revocations(settings, previous),
            policies: settings.policies.clone(),
            token_limit: settings.token_limit,
            body_limit: settings.body_limit,
            verified,
        };
        let key_sources = settings
            .issuers
            .iter()
            .map(|configured| (configured.issuer.name.clone(), configured.keys.clone()))
            .collect();
        let revocation_file = settings.revocations.as_ref().map(|source| source.file.clone());
        Self {
            snapshot,
            upstream: settings.upstream,
            redaction: Arc::clone(&settings.redaction),
            key_sources,
            revocation_file,
            clients: clients(settings, previous),
        }
    }
}

impl State {
    /// The keys in force, if they are as good for `configured`.
    fn keys_for(&self, configured: &IssuerSettings) -> Option<Arc<KeySet>> {
        let known = self.snapshot.issuer(&configured.issuer.name)?;
        let same_place = self.key_sources.get(&known.name)?.same_place(&configured.keys);
        // A key is used for its own algorithm and only if that is allowed now, so the keys may stay
        // while the list changes.
        same_place.then(|| known.keys.clone())?
    }
}

/// The current [`State`]. Readers load it once per request and never wait; writers take turns.
#[derive(Debug)]
pub struct Live {
    state: ArcSwap<State>,
    writing: Mutex<()>,
}

impl Live {
    #[must_use]
    pub fn new(state: State) -> Self {
        Self { state: ArcSwap::from_pointee(state), writing: Mutex::new(()) }
    }

    #[must_use]
    pub fn load(&self) -> Arc<State> {
        self.state.load_full()
    }

    /// Puts the state that `make` builds from the current one in force.
    pub fn replace(&self, make: impl FnOnce(&State) -> State) {
        // A writer that panicked has stored nothing, so its poison means nothing.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = make(&self.state.load());
        self.state.store(Arc::new(next));
    }

    /// Puts the list that `file` holds in force, if that is still the file to look at.
    pub fn set_revocations(&self, file: &Path, list: Revocations) {
        self.replace(|state| {
            let mut next = state.clone();
            if next.revocation_file.as_deref() == Some(file) {
                next.snapshot.revocations = Arc::new(list);
            }
            next
        });
    }

    /// Gives an issuer other keys, or none, if they still come from where its keys should: a fetch
    /// may end after the configuration that asked for it.
    pub fn set_keys(&self, issuer: &str, source: &KeySource, keys: Option<Arc<KeySet>>) {
        self.replace(|state| {
            let mut next = state.clone();
            if let Some(known) = next.snapshot.issuers.get(issuer)
                && next.key_sources.get(issuer).is_some_and(|current| current == source || current.same_place(source))
            {
                let changed = Issuer { keys, generation: next_generation(), ..known.as_ref().clone() };
                next.snapshot.issuers.insert(issuer.into(), Arc::new(changed));
            }
            next
        });
    }
}

/// The list in force stays where it comes from the same file, which is read apart from the rest: the
/// settings may have been read before its last change.
fn revocations(settings: &Settings, previous: Option<&State>) -> Arc<Revocations> {
    let Some(source) = &settings.revocations else { return Arc::default() };
    let same = previous.filter(|state| state.revocation_file.as_ref() == Some(&source.file));
    Arc::clone(same.map_or(&source.list, |state| &state.snapshot.revocations))
}

/// Where the settings no longer serve over TLS, which waits for the next start, the list stays.
fn clients(settings: &Settings, previous: Option<&State>) -> Arc<HashSet<SpiffeId>> {
    let configured = settings.tls.as_ref().map(|tls| &tls.clients);
    configured.or(previous.map(|state| &state.clients)).map(Arc::clone).unwrap_or_default()
}

/// The rules for proofs that `settings` ask for, with a random nonce key where none is configured.
fn proof_rules(process: &ProcessSettings) -> io::Result<ProofRules> {
    let settings = &process.proofs;
    let alone = settings.nonce_secret.is_none() && matches!(process.replay.store, StoreSettings::Memory { .. });
    let nonces = if let Some(Secret(secret)) = &settings.nonce_secret {
        NonceKey::new(secret)
    } else {
        let mut secret = [0; 32];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| io::Error::other("no randomness"))?;
        NonceKey::new(&secret)
    };
    Ok(ProofRules {
        algorithms: settings.algorithms.clone(),
        max_age: settings.max_age,
        clock_skew: settings.clock_skew,
        require_nonce: settings.require_nonce,
        nonce_lifetime: settings.nonce_lifetime,
        nonces,
        nonce_skew: if alone { Duration::ZERO } else { settings.clock_skew },
    })
}
