//! The composition root: build, bind, serve, drain.

mod door;

use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use axum::Router;
use envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio::task::JoinSet;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use self::door::Door;
use crate::admin;
use crate::audit::{self, AuditLog, Checkpoints, Feed, StateFile, Writing};
use crate::authz::VerifiedTokens;
use crate::clock;
use crate::config::{self, AuditSettings, Fault, Listen, Settings, StoreSettings};
use crate::envoy::{Checker, SealLayer};
use crate::jwks::KeyKeeper;
use crate::kill_switch::KillSwitch;
use crate::listener::{Listener, bind};
use crate::live::{Live, State};
use crate::metrics::Metrics;
use crate::otlp::{NoCollector, Telemetry};
use crate::readiness::Readiness;
use crate::reload::Reloader;
use crate::replay::{MemoryStore, RedisStore, ReplayStore};
use crate::watch;

const CHECK_SERVICE: &str = "envoy.service.auth.v3.Authorization";

/// Why serving ended.
#[derive(Debug, Error)]
pub enum ServeError {
    #[error("the configuration `{}` has {} fault(s)", .file.display(), .faults.len())]
    Config { file: PathBuf, faults: Vec<Fault> },
    #[error("can't bind {what}: {source}")]
    Bind { what: String, source: io::Error },
    #[error("can't start the record writer: {0}")]
    Audit(#[source] io::Error),
    #[error("no TLS can be spoken: {0}")]
    Tls(String),
    #[error("no key for nonces can be made: {0}")]
    Random(#[source] io::Error),
    #[error("decision records can't be written: {0}")]
    Records(#[source] io::Error),
    #[error("the {0} task ended early: {1}")]
    Task(&'static str, String),
    #[error("`otlp`: {0}")]
    Otlp(#[from] NoCollector),
}

/// Serves the configuration in `file` until `shutdown`, writing decision records to `records`.
///
/// # Errors
/// It can't start, or a part of it ended early. After `shutdown` calls in progress are finished
/// within the configured time, and all records are written.
pub async fn serve(
    file: &Path,
    records: impl Write + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let settings = config::load(file).map_err(|faults| ServeError::Config { file: file.to_owned(), faults })?;
    for warning in &settings.warnings {
        tracing::warn!(%warning, "configuration");
    }
    let process = settings.process.clone();
    // The others first: who finds the socket of checks there may ask for readiness, and watch.
    let admin = TcpListener::bind(process.admin)
        .await
        .map_err(|source| ServeError::Bind { what: format!("admin {}", process.admin), source })?;
    let watch = match &process.watch {
        Some(address) => Some(bound("watch ", address).await?),
        None => None,
    };
    let listener = bound("", &process.listen).await?;
    let feed = Feed::new(if watch.is_some() { watch::RECENT } else { 0 });
    let to_send = process.otlp.as_ref().map(|settings| (settings, feed.follow(0)));
    let writing = writing(&process.audit, feed.clone()).map_err(ServeError::Audit)?;
    let (log, writer) = audit::start(records, writing).map_err(ServeError::Audit)?;
    let parts = Parts::build(&settings, log).map_err(ServeError::Random)?;
    let telemetry = to_send.map(|(settings, sent)| Telemetry::new(settings, sent, &parts.metrics));
    let telemetry = telemetry.transpose()?;
    let watch = watch.map(|listener| Watched::new(listener, feed, &parts)).transpose()?;
    let doors = Doors { check: Door::new(listener, &settings, &parts)?, admin, watch };
    let telemetry = telemetry.map(|telemetry| tokio::spawn(telemetry.run()));
    let otlp = process.otlp.as_ref().map(|otlp| otlp.endpoint.as_str());
    tracing::info!(
        listen = %process.listen,
        admin = %process.admin,
        watch = process.watch.as_ref().map(tracing::field::display),
        otlp,
        revision = %settings.revision,
        "serving"
    );

    let readiness = parts.readiness.clone();
    let (stop, _) = signal::channel(false);
    let mut tasks = Tasks::start(parts, doors, file, settings, Ends { writer, telemetry }, &stop).await;
    let ended = tokio::select! {
        () = shutdown => None,
        ended = tasks.first_to_end() => Some(ended),
    };
    readiness.drain();
    tracing::info!(deadline = ?process.drain, "draining");
    // Nobody listens only if the tasks have ended already.
    let _ = stop.send(true);
    let flush = process.otlp.map_or(Duration::ZERO, |otlp| otlp.timeout);
    tasks.finish(process.drain, flush).await?;
    ended.map_or(Ok(()), Err)
}

fn writing(settings: &AuditSettings, feed: Feed) -> io::Result<Writing> {
    let AuditSettings { queue, state_file, checkpoint } = settings;
    let key = checkpoint.as_ref().map(|checkpoint| &checkpoint.key);
    Ok(Writing {
        capacity: *queue,
        feed,
        state: state_file.as_deref().map(|file| StateFile::open(file, key)).transpose()?,
        checkpoints: checkpoint.as_ref().map(|settings| Checkpoints::new(settings.key.clone(), settings.every)),
    })
}

async fn bound(what: &str, address: &Listen) -> Result<Listener, ServeError> {
    bind(address).await.map_err(|source| ServeError::Bind { what: format!("{what}{address}"), source })
}

/// Where anybody comes in.
struct Doors {
    check: Door,
    admin: TcpListener,
    watch: Option<Watched>,
}

/// Where decisions are followed.
struct Watched {
    listener: Listener,
    router: Router,
}

impl Watched {
    fn new(listener: Listener, feed: Feed, parts: &Parts) -> Result<Self, ServeError> {
        let on_loopback = matches!(listener, Listener::Loopback(_));
        let sources = watch::Sources {
            live: Arc::clone(&parts.live),
            keys: Arc::clone(&parts.keys),
            metrics: Arc::clone(&parts.metrics),
            readiness: parts.readiness.clone(),
            started: SystemTime::now(),
        };
        let router =
            watch::router(feed, sources, on_loopback).map_err(|error| ServeError::Task("watch", error.to_string()))?;
        Ok(Self { listener, router })
    }

    async fn serve(self) -> String {
        watch::serve(self.listener, self.router).await
    }
}

/// What answers, put together and not yet running.
struct Parts {
    checker: Arc<Checker>,
    live: Arc<Live>,
    keys: Arc<KeyKeeper>,
    replay: Arc<dyn ReplayStore>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

impl Parts {
    fn build(settings: &Settings, audit: AuditLog) -> io::Result<Self> {
        let process = &settings.process;
        let verified = Arc::new(VerifiedTokens::with_capacity(process.verified_tokens));
        let live = Arc::new(Live::new(State::first(settings, verified)?));
        let metrics = Arc::new(Metrics::new());
        metrics.reloaded(true);
        let keys = Arc::new(KeyKeeper::new(Arc::clone(&live), Arc::clone(&metrics), process.concurrency / 4));
        keys.follow(settings);
        let remembers_from = (!process.replay.accept_tokens_issued_before_start).then(clock::now);
        let replay: Arc<dyn ReplayStore> = match &process.replay.store {
            StoreSettings::Memory { capacity } => Arc::new(MemoryStore::new(*capacity, remembers_from)),
            StoreSettings::Redis(server) => Arc::new(RedisStore::new(server.clone(), remembers_from.is_none())),
        };
        let checker = Arc::new(Checker {
            live: Arc::clone(&live),
            replay: Arc::clone(&replay),
            keys: Arc::clone(&keys),
            audit,
            metrics: Arc::clone(&metrics),
        });
        let readiness = Readiness::new(Arc::clone(&live), Arc::clone(&keys));
        Ok(Self { checker, live, keys, replay, metrics, readiness })
    }
}

/// Every running part, by name. One that ends early ends the process.
struct Tasks {
    check: JoinSet<(&'static str, String)>,
    background: JoinSet<(&'static str, String)>,
    log: AuditLog,
    writer: Option<JoinHandle<io::Result<()>>>,
    telemetry: Option<tokio::task::JoinHandle<()>>,
}

/// What ends with the last record.
struct Ends {
    writer: JoinHandle<io::Result<()>>,
    telemetry: Option<tokio::task::JoinHandle<()>>,
}

impl Tasks {
    async fn start(
        parts: Parts,
        doors: Doors,
        file: &Path,
        settings: Settings,
        ends: Ends,
        stop: &signal::Sender<bool>,
    ) -> Self {
        let (mut check, mut background) = (JoinSet::new(), JoinSet::new());
        let log = parts.checker.audit.clone();
        let (reporter, health) = tonic_health::server::health_reporter();
        set_health(&reporter, ServingStatus::NotServing).await;
        let router = admin::router(Arc::clone(&parts.metrics), parts.readiness.clone());
        background.spawn(async move { ("admin", admin::serve(doors.admin, router).await) });
        if let Some(watched) = doors.watch {
            background.spawn(async move { ("watch", watched.serve().await) });
        }
        let kill_switch = KillSwitch::new(Arc::clone(&parts.live), Arc::clone(&parts.metrics));
        background.spawn(async move { ("revocations", outcome(kill_switch.run().await)) });
        let reloader = Reloader {
            file: file.to_owned(),
            live: parts.live,
            keys: Arc::clone(&parts.keys),
            metrics: Arc::clone(&parts.metrics),
            process: settings.process.clone(),
        };
        background.spawn(async move { ("reload", outcome(reloader.run(settings.files).await)) });
        let (replay, metrics) = (parts.replay, parts.metrics);
        let store = Arc::clone(&replay);
        background.spawn(async move {
            store.keep().await;
            ("replay", "without an error".to_owned())
        });
        background.spawn(async move { ("replay metrics", report_replay(replay, metrics).await) });
        let (readiness, keys) = (parts.readiness, parts.keys);
        background.spawn(async move { ("health", report_health(reporter, readiness, keys).await) });

        let limit = settings.process.message_bytes;
        let service = AuthorizationServer::from_arc(Arc::clone(&parts.checker)).max_decoding_message_size(limit);
        let services = Routes::new(service).add_service(health);
        let seal = SealLayer::new(parts.checker, settings.process.concurrency, settings.process.deadline);
        let mut stopped = stop.subscribe();
        let stopped = async move {
            // An error means that the sender is gone, which is an end as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        check.spawn(async move { ("check", doors.check.serve(services, seal, stopped).await) });
        Self { check, background, log, writer: Some(ends.writer), telemetry: ends.telemetry }
    }

    /// Waits for a part that ends although nobody asked it to.
    async fn first_to_end(&mut self) -> ServeError {
        let writer_dead = async {
            while self.writer.as_ref().is_some_and(|writer| !writer.is_finished()) {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let ended = tokio::select! {
            ended = self.check.join_next() => ended,
            ended = self.background.join_next() => ended,
            () = writer_dead => return ServeError::Task("record writer", "see its error".to_owned()),
        };
        match ended {
            Some(Ok((name, how))) => ServeError::Task(name, how),
            Some(Err(error)) => ServeError::Task("unknown", error.to_string()),
            None => ServeError::Task("unknown", "no task is left".to_owned()),
        }
    }

    /// Lets calls in progress end within `drain`, then stops the rest and writes all records, of which what is not
    /// sent within `flush` is not sent.
    async fn finish(mut self, drain: Duration, flush: Duration) -> Result<(), ServeError> {
        let drained = tokio::time::timeout(drain, async { while self.check.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("calls were still in progress at the drain deadline");
        }
        self.check.shutdown().await;
        self.background.shutdown().await;
        let Some(writer) = self.writer.take() else { return Ok(()) };
        // Connections that outlast the drain still hold the log. A reader that blocks stdout must not
        // keep the process alive for ever.
        let deadline = tokio::time::Instant::now().checked_add(Duration::from_secs(2));
        self.log.close();
        while !writer.is_finished() && deadline.is_some_and(|deadline| tokio::time::Instant::now() < deadline) {
            self.log.close();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if !writer.is_finished() {
            return Err(ServeError::Records(io::Error::other("some were still waiting when the time was up")));
        }
        let written = match writer.join() {
            Ok(result) => result.map_err(ServeError::Records),
            Err(_) => Err(ServeError::Task("record writer", "it panicked".to_owned())),
        };
        if let Some(telemetry) = self.telemetry.take() {
            match tokio::time::timeout(flush, telemetry).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "decisions were no longer sent to the collector"),
                Err(_) => tracing::warn!("the last decisions were not sent to the collector in time"),
            }
        }
        written
    }
}

fn outcome<E: std::fmt::Display>(result: Result<(), E>) -> String {
    result.map_or_else(|error| error.to_string(), |()| "without an error".to_owned())
}

/// Keeps the metrics of the store equal to what it says.
async fn report_replay(replay: Arc<dyn ReplayStore>, metrics: Arc<Metrics>) -> String {
    let mut turn = tokio::time::interval(Duration::from_millis(200));
    loop {
        turn.tick().await;
        metrics.replay_store(replay.entries(), replay.is_available(), replay.failures());
    }
}

async fn set_health(reporter: &HealthReporter, status: ServingStatus) {
    for service in ["", CHECK_SERVICE] {
        reporter.set_service_status(service, status).await;
    }
}

/// Keeps gRPC health equal to readiness, and ends if a key task died.
async fn report_health(reporter: HealthReporter, readiness: Readiness, keys: Arc<KeyKeeper>) -> String {
    let mut turn = tokio::time::interval(Duration::from_millis(100));
    loop {
        turn.tick().await;
        let status = if readiness.check().is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
        set_health(&reporter, status).await;
        if let Some(issuer) = keys.dead_task() {
            return format!("the key task of `{issuer}` has ended");
        }
    }
}
