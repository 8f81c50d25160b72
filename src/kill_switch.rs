//! The revocation list, in force within a second of its change.
//!
//! It is read apart from the configuration, so that it works when the rest on disk is faulty; and by
//! looking, not by waiting for events, which some file systems don't send.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Fault, load_revocations};
use crate::live::Live;
use crate::metrics::Metrics;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// A file that changes at every look is read all the same after so many.
const MAX_UNSETTLED: u32 = 2;
/// And one that seems unchanged is read after so many looks: a change can keep the size and, on a
/// coarse clock, the time.
const READ_ANYWAY: u32 = 8;

/// Keeps the list of [`Live`] equal to its file.
pub(crate) struct KillSwitch {
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    /// What the file looked like last, and how often it has looked different since it was read.
    seen: Option<Stamp>,
    unsettled: u32,
    settled: u32,
    refused: Option<Vec<Fault>>,
}

/// What changes with a file: where it is, its inode, size and times.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    file: PathBuf,
    state: Option<[i64; 6]>,
}

impl KillSwitch {
    pub(crate) fn new(live: Arc<Live>, metrics: Arc<Metrics>) -> Self {
        metrics.revocations(live.load().snapshot.revocations.len(), true);
        Self { live, metrics, seen: None, unsettled: 0, settled: 0, refused: None }
    }

    /// Runs until it is dropped.
    ///
    /// # Errors
    /// Reading the file panicked.
    pub(crate) async fn run(mut self) -> io::Result<()> {
        let mut turn = interval(LOOK);
        turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            let Some(file) = self.live.load().revocation_file.clone() else { continue };
            let stamp = spawn_blocking(move || Stamp::of(&file)).await.map_err(io::Error::other)?;
            if self.is_due(&stamp) {
                self.read(stamp).await?;
            }
        }
    }

    /// Whether the file, as it looks now, is to be read: when it has changed and come to rest, so
    /// that half of a list is not taken for the whole.
    fn is_due(&mut self, stamp: &Stamp) -> bool {
        if self.seen.as_ref() != Some(stamp) {
            self.seen = Some(stamp.clone());
            self.unsettled = self.unsettled.saturating_add(1);
            self.settled = 0;
            return self.unsettled > MAX_UNSETTLED;
        }
        self.settled = self.settled.saturating_add(1);
        self.unsettled > 0 || self.settled.is_multiple_of(READ_ANYWAY)
    }

    async fn read(&mut self, looked: Stamp) -> io::Result<()> {
        let path = looked.file.clone();
        let read = spawn_blocking(move || (load_revocations(&path), Stamp::of(&path))).await;
        let (loaded, after) = read.map_err(io::Error::other)?;
        if after != looked {
            // It changed under the reader, who may have half of it. The next look finds that out.
            return Ok(());
        }
        self.unsettled = 0;
        let file = looked.file;
        let state = self.live.load();
        let in_force = &state.snapshot.revocations;
        match loaded {
            Ok(list) => {
                self.refused = None;
                let (entries, revision) = (list.len(), Arc::clone(&list.revision));
                if revision != in_force.revision {
                    for issuer in list.issuers().filter(|issuer| state.snapshot.issuer(issuer).is_none()) {
                        tracing::warn!(
                            issuer,
                            "revocations name an issuer that is not configured; these entries stop nothing"
                        );
                    }
                    self.live.set_revocations(&file, list);
                    tracing::info!(%revision, entries, "revocations in force");
                }
                self.metrics.revocations(entries, true);
            }
            Err(faults) if self.refused.as_ref() == Some(&faults) => {}
            Err(faults) => {
                for fault in &faults {
                    tracing::error!(file = %file.display(), line = fault.line, %fault, "the changed revocation list is refused; the last good one stays");
                }
                self.metrics.revocations(in_force.len(), false);
                self.refused = Some(faults);
            }
        }
        Ok(())
    }
}

impl Stamp {
    fn of(file: &Path) -> Self {
        let state = fs::metadata(file).ok().map(|found| {
            let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            [
                whole(found.ino()),
                whole(found.len()),
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            ]
        });
        Self { file: file.to_owned(), state }
    }
}
