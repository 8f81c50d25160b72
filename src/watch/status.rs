//! What hopgate says of itself on the live page: keys, checks, counters, never a secret. Of a key it is the
//! id and the algorithm, of an issuer its name and not the address of its keys, which may hold a password.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::audit::clean;
use crate::authz::{Check, Issuer, Mode, Reason};
use crate::config::KeySource;
use crate::jwks::{Fetched, KeyKeeper};
use crate::live::Live;
use crate::metrics::{Metrics, Totals};
use crate::readiness::Readiness;

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Sources {
    pub live: Arc<Live>,
    pub keys: Arc<KeyKeeper>,
    pub metrics: Arc<Metrics>,
    pub readiness: Readiness,
    pub started: SystemTime,
}

#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    /// Of the configuration in force.
    revision: Arc<str>,
    config_current: bool,
    started: String,
    now: String,
    ready: Ready,
    /// By name.
    issuers: Vec<IssuerStatus>,
    /// Entries of the list in force.
    revocations: usize,
    revocations_current: bool,
    replay_available: bool,
    checks: Vec<CheckStatus>,
    /// Which check refuses with each reason.
    reasons: BTreeMap<&'static str, &'static str>,
    services: Vec<String>,
    counters: Totals,
}

#[derive(Debug, Serialize)]
struct Ready {
    ok: bool,
    why: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct IssuerStatus {
    issuer: Box<str>,
    source: &'static str,
    keys: Vec<Key>,
    age_seconds: Option<u64>,
    state: KeyState,
}

#[derive(Debug, Serialize)]
struct Key {
    kid: Option<String>,
    algorithm: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    Current,
    /// The last good ones: fetching others fails.
    Kept,
    /// None, so that tokens of the issuer are refused.
    Missing,
}

#[derive(Debug, Serialize)]
struct CheckStatus {
    name: &'static str,
    observable: bool,
    mode: &'static str,
}

pub(super) async fn status(State(sources): State<Sources>) -> Json<Status> {
    Json(Status::of(&sources, SystemTime::now()))
}

impl Status {
    fn of(sources: &Sources, now: SystemTime) -> Self {
        let state = sources.live.load();
        let snapshot = &state.snapshot;
        let mut issuers: Vec<_> = snapshot
            .issuers
            .values()
            .map(|issuer| {
                let source = match state.key_sources.get(&issuer.name) {
                    Some(KeySource::Remote(_)) => "fetched",
                    // Read with the configuration.
                    Some(KeySource::File) | None => "file",
                };
                IssuerStatus::of(issuer, source, sources.keys.fetched(&issuer.name))
            })
            .collect();
        issuers.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        let why = sources.readiness.check().err();
        let [config_current, revocations_current, replay_available] = sources.metrics.in_order();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: Arc::clone(&snapshot.revision),
            config_current,
            started: humantime::format_rfc3339_millis(sources.started).to_string(),
            now: humantime::format_rfc3339_millis(now).to_string(),
            ready: Ready { ok: why.is_none(), why },
            issuers,
            revocations: snapshot.revocations.len(),
            revocations_current: revocations_current || state.revocation_file.is_none(),
            replay_available,
            checks: Check::ALL
                .into_iter()
                .map(|check| CheckStatus::of(check, snapshot.enforcement.mode(check)))
                .collect(),
            reasons: Reason::ALL.iter().map(|reason| (reason.code(), reason.check().name())).collect(),
            services: snapshot.services.names().map(str::to_owned).collect(),
            counters: sources.metrics.totals(),
        }
    }
}

impl IssuerStatus {
    fn of(issuer: &Issuer, source: &'static str, fetched: Option<Fetched>) -> Self {
        let keys = issuer.keys.iter().flat_map(|keys| keys.names());
        let failing = fetched.is_some_and(|fetched| fetched.failing);
        Self {
            issuer: issuer.name.clone(),
            source,
            keys: keys
                .map(|(kid, algorithm)| Key {
                    kid: kid.map(|kid| clean(kid).into_owned()),
                    algorithm: algorithm.name(),
                })
                .collect(),
            age_seconds: fetched.and_then(|fetched| fetched.age).as_ref().map(Duration::as_secs),
            state: match (&issuer.keys, failing) {
                (None, _) => KeyState::Missing,
                (Some(_), true) => KeyState::Kept,
                (Some(_), false) => KeyState::Current,
            },
        }
    }
}

impl CheckStatus {
    fn of(check: Check, mode: Mode) -> Self {
        Self {
            name: check.name(),
            observable: check.can_observe(),
            mode: match mode {
                Mode::Enforce => "enforce",
                Mode::Observe => "observe",
            },
        }
    }
}
