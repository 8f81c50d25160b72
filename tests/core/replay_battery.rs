//! The contract of [`ReplayStore`], run on every implementation: memory, and a real Redis server.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hopgate::authz::{Claim, ClaimKey, Claimable, Claimed, UnixTime};
use hopgate::clock;
use hopgate::replay::{MemoryStore, ReplayStore};
use proptest::prelude::*;
use testbed::Redis;
use tokio::runtime::Runtime;

use crate::redis::{Kept, settings};

/// Every implementation, remembering from now on, with the server of the one that needs one.
async fn stores(accept_older: bool) -> (Vec<Kept>, Redis) {
    let server = Redis::start(&[]).expect("a server");
    let memory = Arc::new(MemoryStore::new(100_000, (!accept_older).then(clock::now)));
    let stores = vec![Kept::new(memory), Kept::connected(settings(&server), accept_older).await];
    (stores, server)
}

/// A claim of a token issued after every store of the test began.
fn claim(key: ClaimKey, life: u64) -> Claim {
    let issued_at = clock::now().after(Duration::from_secs(5));
    Claim { key, kind: Claimable::Token, issued_at, until: clock::now().after(Duration::from_secs(life)) }
}

fn key(id: u8) -> ClaimKey {
    [id; 16]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_claims_of_one_key_exactly_one_is_fresh() {
    let (stores, _server) = stores(false).await;
    for kept in &stores {
        for id in 0..50 {
            let tasks: Vec<_> = (0..16)
                .map(|_| {
                    let (store, claim) = (Arc::clone(&kept.store), claim(key(id), 100));
                    tokio::spawn(async move { store.claim(&claim, clock::now()).await })
                })
                .collect();
            let mut fresh = 0;
            for task in tasks {
                match task.await.unwrap() {
                    Claimed::Fresh => fresh += 1,
                    other => assert_eq!(other, Claimed::Used),
                }
            }
            assert_eq!(fresh, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_remembered_until_the_token_expires() {
    let (stores, _server) = stores(false).await;
    for kept in &stores {
        let short = claim(key(1), 2);
        assert_eq!(kept.claim(&short).await, Claimed::Fresh);
        loop {
            // The time first: the claim may be made a moment later.
            let now = clock::now();
            let claimed = kept.store.claim(&claim(key(1), 100), now).await;
            if claimed == Claimed::Fresh {
                assert!(clock::now() >= short.until, "forgotten at {now}, needed until {}", short.until);
                break;
            }
            assert_eq!(claimed, Claimed::Used);
            assert!(now < short.until.after(Duration::from_secs(10)), "never forgotten");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(kept.claim(&claim(key(1), 100)).await, Claimed::Used);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_older_than_the_store_is_unprovable_unless_accepted() {
    for accept in [false, true] {
        let (stores, _server) = stores(accept).await;
        for kept in &stores {
            let issued = |ago: u64| {
                let issued_at = clock::now().before(Duration::from_secs(ago));
                Claim { issued_at, ..claim(key(u8::try_from(ago).unwrap()), 100) }
            };
            let expected = if accept { Claimed::Fresh } else { Claimed::Unprovable };
            assert_eq!(kept.claim(&issued(60)).await, expected);
            let undated = Claim { issued_at: UnixTime::from_secs(i64::MIN), ..claim(key(2), 100) };
            assert_eq!(kept.claim(&undated).await, expected);
            assert_eq!(kept.claim(&claim(key(3), 100)).await, Claimed::Fresh);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_nobody_waits_for_is_never_fresh_twice() {
    let (stores, _server) = stores(false).await;
    for kept in &stores {
        for id in 0..100u8 {
            let mut fresh = 0;
            for wait in [0, 20, 100, 200_000] {
                let claim = claim(key(id), 100);
                let claimed = kept.store.claim(&claim, clock::now());
                if let Ok(Claimed::Fresh) = tokio::time::timeout(Duration::from_micros(wait), claimed).await {
                    fresh += 1;
                }
            }
            assert!(fresh <= 1, "{fresh}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Any sequence of claims, against a plain set.
    #[test]
    fn a_store_behaves_like_its_model(salt in any::<[u8; 15]>(), ids in prop::collection::vec(0u8..12, 1..60)) {
        let mut failed = None;
        Runtime::new().unwrap().block_on(async {
            let (stores, _server) = stores(false).await;
            for kept in &stores {
                let mut model = HashSet::new();
                for id in &ids {
                    let mut key = [*id; 16];
                    key[1..].copy_from_slice(&salt);
                    let expected = if model.insert(*id) { Claimed::Fresh } else { Claimed::Used };
                    let claimed = kept.claim(&claim(key, 100)).await;
                    if claimed != expected {
                        failed = Some(format!("{:?}: {claimed:?} instead of {expected:?}", kept.store));
                    }
                }
            }
        });
        prop_assert_eq!(failed, None);
    }
}

// ---- what only a bounded store in this process can be asked ----

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

fn old(id: u8, issued_at: i64, until: i64) -> Claim {
    Claim { key: key(id), kind: Claimable::Token, issued_at: at(issued_at), until: at(until) }
}

#[tokio::test]
async fn a_full_store_refuses_and_forgets_nothing() {
    let store = MemoryStore::new(3, None);
    for id in 0..3 {
        assert_eq!(store.claim_now(&old(id, 10, 100), at(20)), Claimed::Fresh);
    }
    assert_eq!(store.claim_now(&old(9, 10, 100), at(20)), Claimed::Full);
    for id in 0..3 {
        assert_eq!(store.claim_now(&old(id, 10, 100), at(20)), Claimed::Used);
    }
    store.sweep(at(100)).await;
    assert_eq!(store.entries(), Some(0));
    assert_eq!(store.claim_now(&old(9, 10, 200), at(100)), Claimed::Fresh);
}

#[test]
fn concurrent_claims_can_not_overfill_a_store() {
    let store = MemoryStore::new(100, None);
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let store = &store;
            scope.spawn(move || {
                for id in 0..200u8 {
                    let mut key = key(id);
                    key[0] = thread;
                    let claim = Claim { key, ..old(id, 10, 100) };
                    let _ = store.claim_now(&claim, at(20));
                }
            });
        }
    });
    assert_eq!(store.entries(), Some(100));
}

#[test]
fn a_store_began_within_a_second_and_can_not_tell_its_halves() {
    let store = MemoryStore::new(10, Some(at(50)));
    assert_eq!(store.claim_now(&old(1, 49, 100), at(51)), Claimed::Unprovable);
    assert_eq!(store.claim_now(&old(1, 50, 100), at(51)), Claimed::Unprovable);
    assert_eq!(store.claim_now(&old(1, 51, 100), at(51)), Claimed::Fresh);
}

proptest! {
    /// Any sequence of claims and sweeps over time, against a plain map.
    #[test]
    fn a_bounded_store_behaves_like_its_model(
        steps in prop::collection::vec((0u8..6, 1i64..30, any::<bool>()), 1..80),
    ) {
        const CAPACITY: usize = 4;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let store = MemoryStore::new(CAPACITY, None);
        let mut model: HashMap<u8, i64> = HashMap::new();
        let mut now = 0;
        for (id, life, sweep) in &steps {
            now += 3;
            if *sweep {
                runtime.block_on(store.sweep(at(now)));
                model.retain(|_, until| *until > now);
            }
            let expected = match model.get(id) {
                Some(until) if *until > now => Claimed::Used,
                None if model.len() == CAPACITY => Claimed::Full,
                Some(_) | None => {
                    model.insert(*id, now + life);
                    Claimed::Fresh
                }
            };
            prop_assert_eq!(store.claim_now(&old(*id, now, now + life), at(now)), expected);
            prop_assert_eq!(store.entries(), Some(model.len()));
        }
    }
}
