//! The shared store on a real server that is right, wrong, full, slow, gone and new.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hopgate::authz::{Claim, Claimable, Claimed};
use hopgate::clock;
use hopgate::config::{RedisAddress, RedisSettings};
use hopgate::dev::certs::MeshCa;
use hopgate::replay::{RedisStore, ReplayStore};
use testbed::{Redis, Signal};
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(20);

/// A store with whoever keeps it; both end together.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn ReplayStore>,
    keeper: JoinHandle<()>,
}

impl Kept {
    pub(crate) fn new(store: Arc<dyn ReplayStore>) -> Self {
        let keeper = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.keep().await }
        });
        Self { store, keeper }
    }

    /// Not connected yet, perhaps never.
    fn redis(settings: RedisSettings, accept_older: bool) -> Self {
        Self::new(Arc::new(RedisStore::new(settings, accept_older)))
    }

    pub(crate) async fn connected(settings: RedisSettings, accept_older: bool) -> Self {
        let kept = Self::redis(settings, accept_older);
        kept.until(true).await;
        kept
    }

    async fn until(&self, available: bool) {
        let started = Instant::now();
        while self.store.is_available() != available {
            assert!(started.elapsed() < SOON, "never {}", if available { "available" } else { "unavailable" });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn claim(&self, claim: &Claim) -> Claimed {
        self.store.claim(claim, clock::now()).await
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// `server` as it is told, with time for a busy machine.
pub(crate) fn settings(server: &Redis) -> RedisSettings {
    let address = server.address();
    RedisSettings {
        address: RedisAddress::Tcp { host: address.ip().to_string(), port: address.port() },
        database: 0,
        username_file: None,
        password_file: None,
        timeout: Duration::from_secs(5),
        key_prefix: "hopgate:".into(),
    }
}

/// A claim of a token issued `later` seconds from now.
fn claim(id: u8, later: u64) -> Claim {
    let issued_at = clock::now().after(Duration::from_secs(later));
    Claim { key: [id; 16], kind: Claimable::Token, issued_at, until: clock::now().after(Duration::from_secs(100)) }
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let file = dir.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

/// Waits until `replica` has the data of its primary.
async fn synced(replica: &Redis) {
    while !replica.command(&["INFO", "replication"]).unwrap().contains("master_link_status:up") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Makes `server` a replica of `primary`, for as long as it takes to get its data.
async fn follow(server: &Redis, primary: &Redis) {
    server.command(&["REPLICAOF", "127.0.0.1", &primary.address().port().to_string()]).unwrap();
    synced(server).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
}

/// Whether a store with `settings` is still not available after several attempts.
async fn stays_away(settings: RedisSettings) -> bool {
    let kept = Kept::redis(settings, false);
    for _ in 0..50 {
        assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Unavailable);
        if kept.store.is_available() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(kept.store.failures(), 50);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_on_one_server_share_claims_and_those_with_another_prefix_do_not() {
    let server = Redis::start(&[]).unwrap();
    let one = Kept::connected(settings(&server), false).await;
    let two = Kept::connected(settings(&server), false).await;
    let stranger = RedisSettings { key_prefix: "other:".into(), ..settings(&server) };
    let stranger = Kept::connected(stranger, false).await;
    assert_eq!(one.claim(&claim(1, 5)).await, Claimed::Fresh);
    assert_eq!(two.claim(&claim(1, 5)).await, Claimed::Used);
    assert_eq!(stranger.claim(&claim(1, 5)).await, Claimed::Fresh);
    let unix = RedisSettings { address: RedisAddress::Unix(server.socket()), ..settings(&server) };
    assert_eq!(Kept::connected(unix, false).await.claim(&claim(1, 5)).await, Claimed::Used);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_needs_three_commands_and_the_right_password() {
    let acl =
        ["--user", "gate", "on", ">open sesame", "~hopgate:*", "+set", "+get", "+info", "--user", "default", "off"];
    let server = Redis::start(&acl).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let username_file = Some(write(dir.path(), "user", "gate\n"));
    let password_file = write(dir.path(), "password", "wrong\n");
    let settings = RedisSettings { username_file, password_file: Some(password_file.clone()), ..settings(&server) };
    assert!(stays_away(settings.clone()).await, "with a wrong password");
    assert!(stays_away(RedisSettings { username_file: None, password_file: None, ..settings.clone() }).await);
    let kept = Kept::redis(settings, false);
    std::fs::write(&password_file, "open sesame\n").unwrap();
    kept.until(true).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Fresh);
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Used);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_with_the_authorities_of_the_file_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, other) = (MeshCa::generate("demo.local").unwrap(), MeshCa::generate("demo.local").unwrap());
    let leaf = ours.issue("spiffe://demo.local/redis").unwrap();
    let (certificate, key) =
        (write(dir.path(), "cert.pem", &leaf.cert_pem), write(dir.path(), "key.pem", &leaf.key_pem));
    let server = Redis::start_tls(&certificate, &key).unwrap();
    let with = |host: &str, ca_pem: Option<String>| {
        let (host, port) = (host.to_owned(), server.address().port());
        let address = RedisAddress::Tls { host, port, ca_pem: ca_pem.map(String::into_bytes) };
        RedisSettings { address, ..settings(&server) }
    };
    let kept = Kept::connected(with("localhost", Some(ours.ca_pem())), false).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Fresh);
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Used);
    assert!(stays_away(with("localhost", Some(other.ca_pem()))).await, "another authority");
    assert!(stays_away(with("localhost", None)).await, "the system's authorities");
    assert!(stays_away(with("127.0.0.2", Some(ours.ca_pem()))).await, "another name than the certificate's");
    assert!(stays_away(settings(&server)).await, "no TLS at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_and_forgets_nothing() {
    let server = Redis::start(&["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]).unwrap();
    let kept = Kept::connected(settings(&server), false).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Fresh);
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    for id in 1..20 {
        assert_eq!(kept.claim(&claim(id, 5)).await, Claimed::Unavailable);
    }
    assert_eq!(kept.store.failures(), 19);
    server.command(&["CONFIG", "SET", "maxmemory", "100mb"]).unwrap();
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Used);
    assert_eq!(kept.claim(&claim(2, 5)).await, Claimed::Fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_evict_is_not_used_from_when_that_is_seen() {
    for policy in ["allkeys-lru", "volatile-ttl", "volatile-random"] {
        let server = Redis::start(&["--maxmemory", "100mb", "--maxmemory-policy", policy]).unwrap();
        assert!(stays_away(settings(&server)).await, "{policy}");
    }
    let server = Redis::start(&["--maxmemory-policy", "allkeys-lru"]).unwrap();
    let kept = Kept::connected(settings(&server), false).await;
    server.command(&["CONFIG", "SET", "maxmemory", "100mb"]).unwrap();
    kept.until(false).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Unavailable);
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).unwrap();
    kept.until(true).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_can_not_write_is_unavailable() {
    let alone = Redis::start(&["--min-replicas-to-write", "1"]).unwrap();
    assert!(stays_away(settings(&alone)).await, "no replica has its claims");

    let primary = Redis::start(&["--repl-diskless-sync-delay", "0"]).unwrap();
    let server = Redis::start(&[]).unwrap();
    let kept = Kept::connected(settings(&server), false).await;
    server.command(&["REPLICAOF", "127.0.0.1", &primary.address().port().to_string()]).unwrap();
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Unavailable);
    assert!(!kept.store.is_available(), "one refusal shows it");
    assert!(stays_away(settings(&server)).await);
    synced(&server).await;
    server.command(&["REPLICAOF", "NO", "ONE"]).unwrap();
    kept.until(true).await;
    assert_eq!(kept.claim(&claim(2, 0)).await, Claimed::Unprovable, "its data was the primary's for a while");
    assert_eq!(kept.claim(&claim(2, 5)).await, Claimed::Fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_server_holds_nobody_longer_than_the_timeout() {
    let mut server = Redis::start(&[]).unwrap();
    let settings = RedisSettings { timeout: Duration::from_millis(30), ..settings(&server) };
    let kept = Kept::connected(settings, false).await;
    server.signal(Signal::STOP);
    let mut longest = Duration::ZERO;
    for id in 0..100 {
        let started = Instant::now();
        assert_eq!(kept.claim(&claim(id, 5)).await, Claimed::Unavailable);
        longest = longest.max(started.elapsed());
    }
    println!("longest of 100 claims on a stopped server: {longest:?}, timeout 30 ms");
    assert!(longest < Duration::from_millis(250), "{longest:?}");
    kept.until(false).await;
    server.signal(Signal::CONT);
    kept.until(true).await;
    assert_eq!(kept.claim(&claim(200, 5)).await, Claimed::Fresh);
    assert_ne!(kept.claim(&claim(0, 5)).await, Claimed::Unavailable, "it may have been noted, and is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_up_late_is_found() {
    let mut server = Redis::new(&[]).unwrap();
    let kept = Kept::redis(settings(&server), false);
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Unavailable);
    server.run().unwrap();
    kept.until(true).await;
    assert_eq!(kept.claim(&claim(1, 5)).await, Claimed::Fresh);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_may_have_forgotten_is_unprovable() {
    for way in ["restarted", "emptied", "its database swapped"] {
        let mut server = Redis::start(&[]).unwrap();
        let kept = Kept::connected(settings(&server), false).await;
        let used = claim(1, 1);
        assert_eq!(kept.claim(&used).await, Claimed::Fresh);
        assert_eq!(kept.claim(&used).await, Claimed::Used);
        // The token is older than what happens next, by the clock's whole seconds.
        while clock::now() <= used.issued_at {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        match way {
            "restarted" => {
                server.kill().unwrap();
                server.run().unwrap();
            }
            "emptied" => drop(server.command(&["FLUSHALL"]).unwrap()),
            _ => drop(server.command(&["SWAPDB", "0", "1"]).unwrap()),
        }
        let started = Instant::now();
        loop {
            match kept.claim(&used).await {
                Claimed::Unprovable if kept.store.is_available() => break,
                // Used: noted by an earlier turn. Whatever it is, never fresh.
                Claimed::Unprovable | Claimed::Unavailable | Claimed::Used => {}
                claimed => panic!("{way}: {claimed:?}"),
            }
            assert!(started.elapsed() < SOON, "{way}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(kept.claim(&claim(2, 5)).await, Claimed::Fresh, "{way}");
        assert_eq!(kept.claim(&claim(2, 5)).await, Claimed::Used, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_comes_back_with_an_older_copy_of_its_own_data_begins_anew() {
    let options = ["--repl-diskless-sync-delay", "0"];
    let (server, other) = (Redis::start(&options).unwrap(), Redis::start(&options).unwrap());
    let kept = Kept::connected(settings(&server), false).await;
    // The first copy makes the server begin a history of its own, which the session has to follow.
    follow(&other, &server).await;
    let started = Instant::now();
    let mut id = 10;
    while kept.claim(&claim(id, 5)).await != Claimed::Fresh {
        assert!(started.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(20)).await;
        id += 1;
    }
    let mark = server.command(&["GET", "hopgate:began"]).unwrap();
    follow(&other, &server).await;
    assert_eq!(other.command(&["GET", "hopgate:began"]).unwrap(), mark, "the copy has the mark");
    let lost = claim(1, 1);
    assert_eq!(kept.claim(&lost).await, Claimed::Fresh);
    while clock::now() <= lost.issued_at {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Perhaps between two looks at the server, so that only a claim can see it.
    follow(&server, &other).await;
    assert_eq!(server.command(&["KEYS", "hopgate:0101*"]).unwrap(), "", "the claim is lost");
    assert_ne!(kept.claim(&lost).await, Claimed::Fresh);
    kept.until(true).await;
    assert_ne!(kept.claim(&lost).await, Claimed::Fresh);
    assert_eq!(kept.claim(&claim(2, 5)).await, Claimed::Fresh);
}
