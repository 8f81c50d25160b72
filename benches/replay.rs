//! What remembering single-use tokens costs: memory and time of the store in this process, with and
//! without a sweep beside it, and the round trip to a Redis server on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    reason = "a bench that can't be set up should stop; its numbers are small"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hopgate::authz::{Claim, ClaimKey, Claimable, Claimed, UnixTime};
use hopgate::clock;
use hopgate::config::{RedisAddress, RedisSettings};
use hopgate::replay::{MemoryStore, RedisStore, ReplayStore};
use testbed::Redis;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: u64 = 1_000_000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    memory().await;
    redis().await;
}

/// A key that looks like a digest.
fn key(n: u64) -> ClaimKey {
    let mix = |n: u64| {
        (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    (u128::from(mix(n + 1)) << 64 | u128::from(mix(mix(n + 7)))).to_be_bytes()
}

fn claim(n: u64, until: i64) -> Claim {
    Claim { key: key(n), kind: Claimable::Token, issued_at: UnixTime::from_secs(1), until: UnixTime::from_secs(until) }
}

async fn memory() {
    let before = resident();
    let store = Arc::new(MemoryStore::new(10_000_000, None));
    let now = UnixTime::from_secs(10);
    let started = Instant::now();
    for n in 0..ENTRIES {
        let _ = store.claim_now(&claim(n, 100), now);
    }
    let taken = started.elapsed();
    assert_eq!(store.entries(), Some(1_000_000));
    println!("memory, {ENTRIES} entries: {:.1} MiB resident", (resident() - before) as f64 / 1_048_576.0);
    println!("memory, one thread: {:.0} claims/s", ENTRIES as f64 / taken.as_secs_f64());

    // Used ones: the store neither grows nor shrinks.
    let alone = tokio::task::spawn_blocking({
        let store = Arc::clone(&store);
        move || Times::of(500_000, |n| store.claim_now(&claim(n, 100), now))
    });
    println!("memory, claims alone: {}", alone.await.unwrap());

    let over = Arc::new(AtomicBool::new(false));
    let beside = tokio::task::spawn_blocking({
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        move || {
            // From what is new to what is not, while a million expired ones go.
            Times::until(&over, |n| store.claim_now(&claim(2 * ENTRIES + n % 200_000, 1000), now))
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.sweep(UnixTime::from_secs(200)).await }
    })
    .await
    .unwrap();
    let swept = started.elapsed();
    over.store(true, Ordering::Relaxed);
    println!("memory, claims beside a sweep of {ENTRIES} expired in {swept:.1?}: {}", beside.await.unwrap());
}

async fn redis() {
    let Ok(server) = Redis::start(&[]) else {
        println!("redis: no redis-server here");
        return;
    };
    let settings = RedisSettings {
        address: RedisAddress::Tcp { host: "127.0.0.1".to_owned(), port: server.address().port() },
        database: 0,
        username_file: None,
        password_file: None,
        timeout: Duration::from_millis(20),
        key_prefix: "hopgate:".into(),
    };
    let store = Arc::new(RedisStore::new(settings, true));
    let keeper = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.keep().await }
    });
    while !store.is_available() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let until = clock::now().after(Duration::from_secs(900)).as_secs();
    for callers in [1u64, 64] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|caller| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    for n in 0..64_000 / callers {
                        let claim = claim((callers << 40) + (caller << 20) + n, until);
                        let started = Instant::now();
                        let _ = store.claim(&claim, clock::now()).await;
                        times.push(started.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        let rate = all.len() as f64 / started.elapsed().as_secs_f64();
        println!("redis on loopback, {callers} at once: {rate:.0} claims/s, {}", Times::new(all));
    }
    println!("redis: {} claims unanswered within 20 ms", store.failures());
    keeper.abort();
}

/// Times of calls, sorted.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn of(count: u64, mut call: impl FnMut(u64) -> Claimed) -> Self {
        Self::new((0..count).map(|n| timed(|| call(n))).collect())
    }

    fn until(over: &AtomicBool, mut call: impl FnMut(u64) -> Claimed) -> Self {
        let mut times = Vec::with_capacity(8_000_000);
        let mut n = 0;
        while !over.load(Ordering::Relaxed) {
            times.push(timed(|| call(n)));
            n += 1;
        }
        Self::new(times)
    }
}

fn timed(call: impl FnOnce() -> Claimed) -> Duration {
    let started = Instant::now();
    let _ = black_box(call());
    started.elapsed()
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |per_mille: usize| self.0[(self.0.len() - 1) * per_mille / 1000];
        let [p50, p99, p999, max] = [500, 990, 999, 1000].map(at);
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?}, max {max:.1?} ({} calls)", self.0.len())
    }
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
