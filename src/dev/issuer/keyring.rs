//! The key that signs and the ones that did.

use std::{sync::Arc, time::Instant};

use serde_json::{Value, json};

use crate::dev::keys::SigningKey;

/// One immutable set of keys; a rotation makes another.
#[derive(Debug)]
pub(super) struct KeyRing {
    current: Arc<SigningKey>,
    retired: Vec<Retired>,
}

#[derive(Debug, Clone)]
struct Retired {
    key: Arc<SigningKey>,
    /// Published before this instant.
    until: Instant,
}

impl KeyRing {
    pub(super) fn new(key: SigningKey) -> Self {
        Self { current: Arc::new(key), retired: Vec::new() }
    }

    pub(super) fn current(&self) -> &Arc<SigningKey> {
        &self.current
    }

    /// The same ring with `key` signing; the keys before it stay until their time, the last one until `until`.
    /// Without `until` only `key` is left.
    pub(super) fn rotated(&self, key: Arc<SigningKey>, now: Instant, until: Option<Instant>) -> Self {
        let retired = match until {
            None => Vec::new(),
            Some(until) => {
                let last = Retired { key: Arc::clone(&self.current), until };
                self.retired.iter().filter(|retired| now < retired.until).cloned().chain([last]).collect()
            }
        };
        Self { current: key, retired }
    }

    /// The published keys, the current one first.
    pub(super) fn published(&self, now: Instant) -> impl Iterator<Item = &Arc<SigningKey>> {
        let retired = self.retired.iter().filter(move |retired| now < retired.until).map(|retired| &retired.key);
        [&self.current].into_iter().chain(retired)
    }

    /// The published key of this id.
    pub(super) fn find(&self, kid: &str, now: Instant) -> Option<&Arc<SigningKey>> {
        self.published(now).find(|key| key.kid() == kid)
    }

    /// RFC 7517 section 5.
    pub(super) fn jwks(&self, now: Instant) -> Value {
        json!({ "keys": self.published(now).map(|key| key.jwk()).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jsonwebtoken::Algorithm;

    use super::*;

    fn key(kid: &str) -> SigningKey {
        SigningKey::generate(Algorithm::EdDSA).unwrap().with_kid(kid)
    }

    fn kids(ring: &KeyRing, now: Instant) -> Vec<&str> {
        ring.published(now).map(|key| key.kid()).collect()
    }

    #[test]
    fn a_retired_key_is_published_until_its_time_and_not_after() {
        let second = Duration::from_secs(1);
        let now = Instant::now();
        let ring = KeyRing::new(key("a")).rotated(Arc::new(key("b")), now, Some(now + second));
        assert_eq!(kids(&ring, now), ["b", "a"]);
        assert_eq!(kids(&ring, now + second), ["b"]);
        assert!(ring.find("a", now).is_some() && ring.find("a", now + second).is_none());

        let later = ring.rotated(Arc::new(key("c")), now, Some(now + 2 * second));
        assert_eq!(kids(&later, now), ["c", "a", "b"]);
        assert_eq!(kids(&later, now + second), ["c", "b"]);
        assert_eq!(kids(&later.rotated(Arc::new(key("d")), now, None), now), ["d"]);
    }
}
