//! The replay store that replicas share: a Redis or Valkey server.
//!
//! A claim is one round trip, never repeated and never waiting for a connection. What the server
//! does not clearly answer is not fresh.

mod session;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use self::session::{Answer, Session, Trouble};
use super::ReplayStore;
use crate::authz::{Claim, Claimed, UnixTime};
use crate::config::RedisSettings;

/// Pauses between attempts to connect: from the first, doubling, to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// Time to connect and to learn what the server is; beyond it the attempt has failed.
const OPEN: Duration = Duration::from_secs(2);
/// How often a server that is in use is looked at, and how long it may take to answer.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(500));

/// Claims on a server, shared by every replica that uses it under the same prefix.
#[derive(Debug)]
pub struct RedisStore {
    settings: RedisSettings,
    accept_older: bool,
    /// What claims go through; none while the server can't be used.
    session: ArcSwapOption<Session>,
    /// A claim saw something that [`RedisStore::keep`] should look into.
    suspicion: Notify,
    /// What the last failed claim saw, not yet told.
    trouble: Mutex<Option<Trouble>>,
    failures: AtomicU64,
}

impl RedisStore {
    /// A store that is unavailable until [`ReplayStore::keep`] has connected it. With
    /// `accept_older`, tokens issued before the server began to remember can be claimed.
    #[must_use]
    pub fn new(settings: RedisSettings, accept_older: bool) -> Self {
        Self {
            settings,
            accept_older,
            session: ArcSwapOption::empty(),
            suspicion: Notify::new(),
            trouble: Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    async fn ask(&self, session: &Arc<Session>, claim: &Claim, now: UnixTime) -> Result<Claimed, Trouble> {
        let answer = timeout(self.settings.timeout, session.claim(claim, now)).await;
        match answer.unwrap_or(Err(Trouble::Slow(self.settings.timeout)))? {
            Answer::Noted { remembers: true } => Ok(Claimed::Fresh),
            Answer::Noted { remembers: false } if self.accept_older => Ok(Claimed::Fresh),
            // Emptied since the session began: an earlier claim of this token is gone with the rest.
            Answer::Noted { remembers: false } => {
                self.give_up(session);
                Ok(Claimed::Unprovable)
            }
            Answer::Known => Ok(Claimed::Used),
        }
    }

    /// No claim uses `session` from now on.
    fn give_up(&self, session: &Arc<Session>) {
        self.session.compare_and_swap(&Some(Arc::clone(session)), None);
        self.suspicion.notify_one();
    }

    fn failed(&self) -> Claimed {
        self.failures.fetch_add(1, Ordering::Relaxed);
        Claimed::Unavailable
    }

    /// Looks at the server until it, or `session`, is no longer to be used.
    async fn watch(&self, session: &Arc<Session>, log: &mut Log) -> Trouble {
        loop {
            let suspected = timeout(LOOK.0, self.suspicion.notified()).await.is_ok();
            let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            let dropped = !self.session.load().as_ref().is_some_and(|used| Arc::ptr_eq(used, session));
            if dropped {
                return trouble.unwrap_or(Trouble::Emptied);
            }
            match trouble {
                Some(trouble) => log.tell(&trouble),
                None => log.forget(),
            }
            let seen = timeout(LOOK.1, session.look(&self.settings)).await;
            if let Err(trouble) = seen.unwrap_or(Err(Trouble::Slow(LOOK.1))) {
                return trouble;
            }
            if suspected {
                // A server that refuses every claim is not to be looked at for each of them.
                sleep(PAUSES.0).await;
            }
        }
    }
}

#[tonic::async_trait]
impl ReplayStore for RedisStore {
    async fn claim(&self, claim: &Claim, now: UnixTime) -> Claimed {
        let Some(session) = self.session.load_full() else { return self.failed() };
        // Whole seconds: a token of the very second in which the server began may be older than it.
        if !self.accept_older && claim.issued_at <= session.began() {
            return Claimed::Unprovable;
        }
        match self.ask(&session, claim, now).await {
            Ok(claimed) => claimed,
            Err(trouble) => {
                let lost = trouble.loses_the_session();
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
                if lost {
                    self.give_up(&session);
                } else {
                    self.suspicion.notify_one();
                }
                self.failed()
            }
        }
    }

    async fn keep(&self) {
        let mut log = Log::default();
        let mut pause = PAUSES.0;
        loop {
            let opened = timeout(OPEN, Session::open(&self.settings)).await;
            match opened.unwrap_or(Err(Trouble::Slow(OPEN))) {
                Ok(session) => {
                    log.connected(&session);
                    pause = PAUSES.0;
                    let session = Arc::new(session);
                    self.session.store(Some(Arc::clone(&session)));
                    let trouble = self.watch(&session, &mut log).await;
                    self.session.store(None);
                    log.tell(&trouble);
                }
                Err(trouble) => log.tell(&trouble),
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(PAUSES.1);
        }
    }

    fn entries(&self) -> Option<usize> {
        None
    }

    fn is_available(&self) -> bool {
        self.session.load().is_some()
    }

    fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

/// Tells each change once, however often it is tried again.
#[derive(Debug, Default)]
struct Log {
    told: Option<String>,
}

impl Log {
    fn connected(&mut self, session: &Session) {
        self.told = None;
        tracing::info!(server = session.server(), began = %session.began(), "the replay store is available");
    }

    /// What was told is over: should it come again, it is told again.
    fn forget(&mut self) {
        self.told = None;
    }

    fn tell(&mut self, trouble: &Trouble) {
        let text = trouble.to_string();
        if self.told.as_ref() != Some(&text) {
            tracing::error!(
                trouble = text,
                "the replay store refuses or is unavailable; single-use tokens and DPoP proofs are answered 503"
            );
            self.told = Some(text);
        }
    }
}
