//! One task per issuer whose keys are fetched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::fetch::fetch;
use crate::authz::Algorithm;
use crate::clock;
use crate::config::{KeySource, RemoteKeys, Settings};
use crate::live::Live;
use crate::metrics::Metrics;

/// How long a call waits for keys that may know its token. Below Envoy's default for the whole
/// check (200 ms), so that the refusal is ours and not a timeout.
const PATIENCE: Duration = Duration::from_millis(100);
/// First pause after a failed fetch; doubled up to the refresh interval.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps the keys of every remote issuer current in [`Live`].
#[derive(Debug)]
pub struct KeyKeeper {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    issuers: Mutex<HashMap<Box<str>, Kept>>,
    /// One for each call that may wait for newer keys, of whatever issuer.
    waiting: Semaphore,
}

/// What became of a wish for newer keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refetch {
    /// A fetch has ended since; look again.
    Done,
    /// Fetched a short while ago, taking too long, or not fetched at all.
    NotNow,
}

/// What fetching an issuer's keys has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Of the keys in force.
    pub age: Option<Duration>,
    /// The last fetch that ended brought none.
    pub failing: bool,
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
}

#[derive(Debug, Default)]
struct Pace {
    /// When the last fetch began. The cool-down counts from here whatever came of it, so an empty
    /// or failing issuer is not asked more often than a good one.
    last_start: Option<Instant>,
    /// A fetch is under way or about to begin.
    running: bool,
    /// When the keys in force were had.
    last_good: Option<Instant>,
    /// The last fetch that ended brought nothing.
    failing: bool,
}

impl Pace {
    fn begin(&mut self) {
        self.last_start = Some(Instant::now());
        self.running = true;
    }

    fn end(&mut self, fetched: bool) {
        self.running = false;
        self.failing = !fetched;
        if fetched {
            self.last_good = Some(Instant::now());
        }
    }
}

impl KeyKeeper {
    /// A keeper for whose keys at most `max_waiting` calls wait at once; others are answered
    /// without, so that strangers who make up key ids can't hold up everybody.
    #[must_use]
    pub fn new(live: Arc<Live>, metrics: Arc<Metrics>, max_waiting: usize) -> Self {
        let waiting = Semaphore::new(max_waiting.clamp(1, Semaphore::MAX_PERMITS));
        Self { live, metrics, issuers: Mutex::default(), waiting }
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
                self.metrics.keys(
                    name,
                    configured.issuer.keys.as_ref().map_or(0, |keys| keys.len()),
                    clock::now().as_secs(),
                );
                continue;
            };
            let kept = match before.remove(name) {
                Some(kept) if kept.keys == *keys && kept.algorithms == *algorithms => kept,
                Some(kept) if kept.keys.same_place(keys) => {
                    // Its keys stay, as old as they are.
                    let last_good = lock(&kept.shared.pace).last_good;
                    self.keep(name, keys, algorithms, last_good)
                }
                Some(_) | None => self.keep(name, keys, algorithms, None),
            };
            issuers.insert(name.clone(), kept);
        }
    }

    fn keep(&self, issuer: &str, keys: &RemoteKeys, algorithms: &[Algorithm], last_good: Option<Instant>) -> Kept {
        let shared = Arc::new(Shared {
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
            pace: Mutex::new(Pace { last_good, ..Pace::default() }),
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
                    pace.begin();
                    shared.wanted.notify_one();
                }
            }
        }
        let Ok(_place) = self.waiting.try_acquire() else {
            return Refetch::NotNow;
        };
        let outcome = timeout(PATIENCE, ended.changed()).await;
        match outcome {
            Ok(Ok(())) => Refetch::Done,
            Ok(Err(_)) | Err(_) => Refetch::NotNow,
        }
    }

    /// How old the keys of `issuer` are. Nothing for one whose keys are not fetched.
    #[must_use]
    pub fn fetched(&self, issuer: &str) -> Option<Fetched> {
        let issuers = lock(&self.issuers);
        let pace = lock(&issuers.get(issuer)?.shared.pace);
        Some(Fetched { age: pace.last_good.map(|since| since.elapsed()), failing: pace.failing })
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
        let mut pause = RETRY;
        loop {
            lock(&self.shared.pace).begin();
            let fetched = self.fetch_once().await;
            let wait = if fetched {
                pause = RETRY;
                self.keys.refresh
            } else {
                let wait = pause.min(self.keys.refresh);
                pause = pause.saturating_mul(2);
                wait
            };
            lock(&self.shared.pace).end(fetched);
            self.shared.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
            self.sleep(wait).await;
        }
    }

    /// Waits for the next turn; keys that grow too old meanwhile are withdrawn at their moment.
    async fn sleep(&self, wait: Duration) {
        let turn = tokio::time::sleep(wait);
        tokio::pin!(turn);
        loop {
            let last_good = lock(&self.shared.pace).last_good;
            let stale = last_good.and_then(|since| since.checked_add(self.keys.max_stale));
            tokio::select! {
                () = &mut turn => return,
                () = self.shared.wanted.notified() => return,
                () = sleep_until(stale) => {
                    tracing::error!(issuer = %self.issuer, "the last good keys are too old; tokens of this issuer are refused");
                    self.live.set_keys(&self.issuer, &self.source, None);
                    self.metrics.keys(&self.issuer, 0, 0);
                    lock(&self.shared.pace).last_good = None;
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
                self.metrics.keys(&self.issuer, keys.len(), clock::now().as_secs());
                self.live.set_keys(&self.issuer, &self.source, Some(Arc::new(keys)));
                true
            }
            Err(error) => {
                let state = self.live.load();
                if state.snapshot.issuer(&self.issuer).is_some_and(|issuer| issuer.keys.is_some()) {
                    tracing::warn!(issuer = %self.issuer, %error, "keys not fetched; the last good ones stay");
                } else {
                    tracing::warn!(issuer = %self.issuer, %error, "keys not fetched, and there are none: tokens of this issuer are answered 503");
                }
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
