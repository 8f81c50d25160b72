//! The contract of [`ReplayStore`], run on every implementation.

use std::collections::HashMap;
use std::sync::Arc;

use hopgate::authz::{Claim, ClaimKey, Claimed, UnixTime};
use hopgate::replay::{MemoryStore, ReplayStore};
use proptest::prelude::*;

fn stores(capacity: usize, from: Option<i64>) -> Vec<Arc<dyn ReplayStore>> {
    vec![Arc::new(MemoryStore::new(capacity, from.map(UnixTime::from_secs)))]
}

fn claim(id: u8, issued_at: i64, until: i64) -> Claim {
    Claim { key: [id; 16], issued_at: UnixTime::from_secs(issued_at), until: UnixTime::from_secs(until) }
}

fn at(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

#[test]
fn of_concurrent_claims_of_one_key_exactly_one_is_fresh() {
    for store in stores(1000, None) {
        for id in 0..50 {
            let fresh: usize = std::thread::scope(|scope| {
                let claims: Vec<_> =
                    (0..16).map(|_| scope.spawn(|| store.claim(&claim(id, 10, 100), at(20)))).collect();
                claims.into_iter().map(|c| usize::from(c.join().unwrap() == Claimed::Fresh)).sum()
            });
            assert_eq!(fresh, 1);
        }
    }
}

#[test]
fn a_claim_is_remembered_until_the_token_expires() {
    for store in stores(10, None) {
        assert_eq!(store.claim(&claim(1, 10, 100), at(20)), Claimed::Fresh);
        assert_eq!(store.claim(&claim(1, 10, 100), at(99)), Claimed::Used);
        store.sweep(at(99));
        assert_eq!(store.claim(&claim(1, 10, 100), at(99)), Claimed::Used);
        assert_eq!(store.claim(&claim(1, 100, 200), at(100)), Claimed::Fresh);
    }
}

#[test]
fn a_full_store_refuses_and_forgets_nothing() {
    for store in stores(3, None) {
        for id in 0..3 {
            assert_eq!(store.claim(&claim(id, 10, 100), at(20)), Claimed::Fresh);
        }
        assert_eq!(store.claim(&claim(9, 10, 100), at(20)), Claimed::Full);
        for id in 0..3 {
            assert_eq!(store.claim(&claim(id, 10, 100), at(20)), Claimed::Used);
        }
        store.sweep(at(100));
        assert!(store.is_empty());
        assert_eq!(store.claim(&claim(9, 10, 200), at(100)), Claimed::Fresh);
    }
}

#[test]
fn concurrent_claims_can_not_overfill_a_store() {
    for store in stores(100, None) {
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                let store = &store;
                scope.spawn(move || {
                    for id in 0..200u8 {
                        let mut key: ClaimKey = [id; 16];
                        key[0] = thread;
                        let claim = Claim { key, issued_at: at(10), until: at(100) };
                        let _ = store.claim(&claim, at(20));
                    }
                });
            }
        });
        assert_eq!(store.len(), 100);
    }
}

#[test]
fn a_token_older_than_the_store_is_unprovable() {
    for store in stores(10, Some(50)) {
        assert_eq!(store.claim(&claim(1, 49, 100), at(51)), Claimed::Unprovable);
        assert_eq!(store.claim(&claim(1, 50, 100), at(51)), Claimed::Unprovable, "the second in which it began");
        assert_eq!(store.claim(&claim(1, 51, 100), at(51)), Claimed::Fresh);
        assert_eq!(store.claim(&claim(2, i64::MIN, 100), at(51)), Claimed::Unprovable);
    }
}

proptest! {
    /// Any sequence of claims and sweeps, against a plain map.
    #[test]
    fn a_store_behaves_like_its_model(steps in prop::collection::vec((0u8..6, 1i64..30, any::<bool>()), 1..80)) {
        const CAPACITY: usize = 4;
        for store in stores(CAPACITY, None) {
            let mut model: HashMap<u8, i64> = HashMap::new();
            let mut now = 0;
            for (id, life, sweep) in &steps {
                now += 3;
                if *sweep {
                    store.sweep(at(now));
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
                prop_assert_eq!(store.claim(&claim(*id, now, now + life), at(now)), expected);
                prop_assert_eq!(store.len(), model.len());
            }
        }
    }
}
