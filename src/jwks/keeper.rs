//! One task per issuer whose keys are fetched.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::fetch::fetch;
use crate::authz::Algorithm;
use crate::config::{KeySource, RemoteKeys, Settings};
use crate::live::Live;
use crate::metrics::Metrics;

/// How long a call waits for keys that may know its token. Below Envoy's default for the whole
/// check (200 ms), so that the refusal is ours and not a timeout.
const PATIENCE: Duration = Duration::from_millis(100);
/// Calls that may wait for one issuer at once.
const MAX_WAITING: usize = 128;
/// First pause after a failed fetch; doubled up to the refresh interval.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the keys of every remote issuer current in [`Live`].
#[derive(Debug)]
pub struct KeyKeeper {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    issuers: Mutex<HashMap<Box<str>, Kept>>,
}

/// What became of a wish for newer keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refetch {
    /// A fetch has ended since; look again.
    Done,
    /// Fetched a short while ago, taking too long, or not fetched at all.
    NotNow,
}

#[derive(Debug)]
struct Kept {
    keys: RemoteKeys,
    algorithms: Vec<Algorithm>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Shared {
    wanted: Notify,
    /// Fetches ended so far.
    ended: watch::Sender<u64>,
    pace: Mutex<Pace>,
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Pace {
    /// When the last fetch began. The cool-down counts from here whatever came of it, so an empty
    /// or failing issuer is not asked more often than a good one.
    last_start: Option<Instant>,
    /// A fetch is under way or about to begin.
    running: bool,
}

impl KeyKeeper {
    #[must_use]
    pub fn new(live: Arc<Live>, metrics: Arc<Metrics>) -> Self {
        Self { live, metrics, issuers: Mutex::default() }
    }

    /// Keeps the issuers of `settings` from now on and no others. One whose settings are as before
    /// goes on undisturbed. Must be called within a runtime.
    pub fn follow(&self, settings: &Settings) {
        let mut issuers = lock(&self.issuers);
        let mut before = std::mem::take(&mut *issuers);
        for configured in &settings.issuers {
            let (name, algorithms) = (&configured.issuer.name, &configured.issuer.algorithms);
            self.metrics.introduce_issuer(name);
            let KeySource::Remote(keys) = &configured.keys else {
                self.metrics.keys(name, configured.issuer.keys.as_ref().map_or(0, |keys| keys.len()), unix_now());
                continue;
            };
            let kept = match before.remove(name) {
                Some(kept) if kept.keys == *keys && kept.algorithms == *algorithms => kept,
                Some(_) | None => self.keep(name, keys, algorithms),
            };
            issuers.insert(name.clone(), kept);
        }
    }

    fn keep(&self, issuer: &str, keys: &RemoteKeys, algorithms: &[Algorithm]) -> Kept {
        let shared = Arc::new(Shared {
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
            pace: Mutex::default(),
            waiting: AtomicUsize::new(0),
        });
        let task = Task {
            issuer: issuer.into(),
            keys: keys.clone(),
            source: KeySource::Remote(keys.clone()),
            algorithms: algorithms.to_vec(),
            live: Arc::clone(&self.live),
            metrics: Arc::clone(&self.metrics),
            shared: Arc::clone(&shared),
        };
        Kept { keys: keys.clone(), algorithms: algorithms.to_vec(), shared, task: tokio::spawn(task.run()) }
    }

    /// Wishes for newer keys of `issuer`, because a token names one that is not known. However
    /// many ask, one fetch begins per cool-down; those who ask during it wait for it, briefly.
    pub async fn refetch(&self, issuer: &str) -> Refetch {
        let Some((shared, cooldown)) =
            lock(&self.issuers).get(issuer).map(|kept| (Arc::clone(&kept.shared), kept.keys.cooldown))
        else {
            return Refetch::NotNow;
        };
        let mut ended = shared.ended.subscribe();
        {
            let mut pace = lock(&shared.pace);
            let cooling = pace.last_start.is_some_and(|start| start.elapsed() < cooldown);
            match (pace.running, cooling) {
                (true, _) => {}
                (false, true) => return Refetch::NotNow,
                (false, false) => {
                    *pace = Pace { last_start: Some(Instant::now()), running: true };
                    shared.wanted.notify_one();
                }
            }
        }
        if shared.waiting.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING {
            shared.waiting.fetch_sub(1, Ordering::AcqRel);
            return Refetch::NotNow;
        }
        let outcome = timeout(PATIENCE, ended.changed()).await;
        shared.waiting.fetch_sub(1, Ordering::AcqRel);
        match outcome {
            Ok(Ok(())) => Refetch::Done,
            Ok(Err(_)) | Err(_) => Refetch::NotNow,
        }
    }

    /// Whether every issuer has been asked once, successfully or not.
    #[must_use]
    pub fn all_tried(&self) -> bool {
        lock(&self.issuers).values().all(|kept| *kept.shared.ended.borrow() > 0)
    }

    /// The name of an issuer whose task has ended, which it must not.
    #[must_use]
    pub fn dead_task(&self) -> Option<String> {
        lock(&self.issuers).iter().find(|(_, kept)| kept.task.is_finished()).map(|(name, _)| name.to_string())
    }
}

struct Task {
    issuer: Box<str>,
    keys: RemoteKeys,
    /// `keys` as the state in force names them.
    source: KeySource,
    algorithms: Vec<Algorithm>,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
}

impl Task {
    async fn run(self) {
        let mut last_good: Option<Instant> = None;
        let mut pause = RETRY;
        loop {
            *lock(&self.shared.pace) = Pace { last_start: Some(Instant::now()), running: true };
            let wait = if self.fetch_once().await {
                last_good = Some(Instant::now());
                pause = RETRY;
                self.keys.refresh
            } else {
                pause = pause.saturating_mul(2).min(self.keys.refresh).max(RETRY);
                pause
            };
            lock(&self.shared.pace).running = false;
            self.shared.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
            self.sleep(wait, &mut last_good).await;
        }
    }

    /// Waits for the next turn; keys that grow too old meanwhile are withdrawn at their moment.
    async fn sleep(&self, wait: Duration, last_good: &mut Option<Instant>) {
        let turn = tokio::time::sleep(wait);
        tokio::pin!(turn);
        loop {
            let stale = last_good.and_then(|since| since.checked_add(self.keys.max_stale));
            tokio::select! {
                () = &mut turn => return,
                () = self.shared.wanted.notified() => return,
                () = sleep_until(stale) => {
                    tracing::error!(issuer = %self.issuer, "the last good keys are too old; tokens of this issuer are refused");
                    self.live.set_keys(&self.issuer, &self.source, None);
                    self.metrics.keys(&self.issuer, 0, 0);
                    *last_good = None;
                }
            }
        }
    }

    async fn fetch_once(&self) -> bool {
        let fetched = fetch(&self.issuer, &self.keys, &self.algorithms).await;
        self.metrics.key_fetch(&self.issuer, fetched.is_ok());
        match fetched {
            Ok(keys) => {
                let kids: Vec<_> = keys.kids().collect();
                tracing::info!(issuer = %self.issuer, ?kids, ignored = ?keys.ignored(), "keys fetched");
                self.metrics.keys(&self.issuer, keys.len(), unix_now());
                self.live.set_keys(&self.issuer, &self.source, Some(Arc::new(keys)));
                true
            }
            Err(error) => {
                tracing::warn!(issuer = %self.issuer, %error, "keys not fetched; the last good ones stay");
                false
            }
        }
    }
}

async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// A holder that panicked left a whole value behind: every change is a single assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
