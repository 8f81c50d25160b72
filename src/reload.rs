//! Taking a changed configuration without dropping a call.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::authz::VerifiedTokens;
use crate::config::{self, ProcessSettings};
use crate::jwks::KeyKeeper;
use crate::live::Live;
use crate::metrics::Metrics;

/// Writers touch a file several times; what they mean is there when they pause.
const SETTLE: Duration = Duration::from_millis(100);
/// Most pauses waited for; somebody who never pauses is not waited for any longer.
const MAX_SETTLES: usize = 10;
/// Looked at this often even if no event came: some file systems send none.
const SAFETY_NET: Duration = Duration::from_secs(10);

/// Watches the configuration and the files it names, and puts what is good in force.
pub struct Reloader {
    pub file: PathBuf,
    pub live: Arc<Live>,
    pub keys: Arc<KeyKeeper>,
    pub metrics: Arc<Metrics>,
    /// In force until the process ends.
    pub process: ProcessSettings,
}

impl Reloader {
    /// Runs until it is dropped. `files` are those of the configuration in force.
    ///
    /// # Errors
    /// Reading the configuration panicked, or no signal handler could be set.
    pub async fn run(self, files: Vec<PathBuf>) -> io::Result<()> {
        let (wake, mut woken) = mpsc::channel(1);
        // Kept, so that `woken` stays open where no watcher holds the other end.
        let _keep = wake.clone();
        let names = Arc::new(Mutex::new(HashSet::new()));
        let read = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.as_ref().map_or(true, |event| concerns(event, &read)) {
                // A full channel means that a wake is due anyway.
                let _ = wake.try_send(());
            }
        });
        let mut watch = Watch::new(watcher, names);
        watch.follow(&files);
        // By habit operators send it after a change; by default it would end the process.
        let mut hangup = signal(SignalKind::hangup())?;
        let mut refused: Option<Vec<config::Fault>> = None;
        loop {
            tokio::select! {
                _ = woken.recv() => {}
                _ = hangup.recv() => {}
                () = tokio::time::sleep(SAFETY_NET) => {}
            }
            for _ in 0..MAX_SETTLES {
                tokio::time::sleep(SETTLE).await;
                if woken.try_recv().is_err() {
                    break;
                }
            }
            let file = self.file.clone();
            let loaded =
                tokio::task::spawn_blocking(move || config::load_again(&file)).await.map_err(io::Error::other)?;
            match loaded {
                Ok(settings) => {
                    watch.follow(&settings.files);
                    self.take(&settings, refused.is_some());
                    refused = None;
                }
                Err(faults) if refused.as_ref() == Some(&faults) => {}
                Err(faults) => {
                    for fault in &faults {
                        tracing::error!(file = %self.file.display(), line = fault.line, %fault, "the changed configuration is refused; the last good one stays");
                    }
                    self.metrics.reloaded(false);
                    refused = Some(faults);
                }
            }
        }
    }

    fn take(&self, settings: &config::Settings, was_refused: bool) {
        let in_force = self.live.load();
        if settings.revision == in_force.snapshot.revision {
            if was_refused {
                // The bad change was undone.
                self.metrics.reloaded(true);
            }
            return;
        }
        let later = self.process.changes(&settings.process);
        if !later.is_empty() {
            tracing::warn!(changed = later.join(", "), "these changes take effect at the next start");
        }
        if self.process.audit.loses_state(&settings.process.audit) {
            tracing::warn!(
                file = settings.process.audit.state_file.as_ref().map(|file| tracing::field::display(file.display())),
                "the state of `audit.state_file` is held by the key of `audit.checkpoint` as it was: the next start refuses it; stop hopgate, then move the file away, and a new chain begins"
            );
        }
        let verified = Arc::new(VerifiedTokens::with_capacity(self.process.verified_tokens));
        self.live.replace(|state| state.next(settings, verified));
        self.keys.follow(settings);
        self.metrics.reloaded(true);
        for warning in &settings.warnings {
            tracing::warn!(%warning, "configuration");
        }
        tracing::info!(revision = %settings.revision, "configuration in force");
    }
}

/// Whether `event` can have changed a file that is read: one of its name, or a link such as
/// Kubernetes' `..data`. Reading the files must not wake us again, nor a log beside them.
fn concerns(event: &notify::Event, names: &Mutex<HashSet<OsString>>) -> bool {
    let names = names.lock().unwrap_or_else(PoisonError::into_inner);
    let known = |path: &PathBuf| match path.file_name() {
        Some(name) => names.contains(name) || name.as_encoded_bytes().starts_with(b".."),
        None => true,
    };
    !matches!(event.kind, EventKind::Access(_)) && (event.paths.is_empty() || event.paths.iter().any(known))
}

/// Watches the folders, not the files: an editor replaces a file, and Kubernetes replaces a link
/// in the folder (`..data`) that the file's own link goes through.
///
/// A watch makes changes quick; without one they are found at the next look. The machine may have
/// none left, which any neighbour can bring about, so its lack is no reason to stop.
struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
    names: Arc<Mutex<HashSet<OsString>>>,
}

impl Watch {
    fn new(watcher: notify::Result<RecommendedWatcher>, names: Arc<Mutex<HashSet<OsString>>>) -> Self {
        let watcher = watcher.inspect_err(
            |error| tracing::warn!(%error, every = ?SAFETY_NET, "files can't be watched; they are looked at instead"),
        );
        Self { watcher: watcher.ok(), folders: HashSet::new(), names }
    }

    fn follow(&mut self, files: &[PathBuf]) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.extend(files.iter().filter_map(|file| file.file_name().map(OsString::from)));
        drop(names);
        let Some(watcher) = &mut self.watcher else { return };
        for folder in files.iter().map(|file| folder_of(file)) {
            if self.folders.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.folders.insert(folder)),
                Err(error) => {
                    tracing::warn!(%error, folder = %folder.display(), every = ?SAFETY_NET, "can't be watched; it is looked at instead");
                }
            }
        }
    }
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}
