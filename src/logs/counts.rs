//! How often something came, without growing for ever.

use std::collections::HashMap;
use std::hash::Hash;

/// Most different things that are told apart.
const MAX_KEYS: usize = 10_000;

#[derive(Debug)]
pub(super) struct Counts<K> {
    counts: HashMap<K, u64>,
    /// How often something came for which there was no room.
    pub(super) others: u64,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { counts: HashMap::new(), others: 0 }
    }
}

impl<K: Eq + Hash + Ord> Counts<K> {
    pub(super) fn add(&mut self, key: K) {
        let full = self.counts.len() >= MAX_KEYS;
        match self.counts.get_mut(&key) {
            Some(count) => *count = count.saturating_add(1),
            None if full => self.others = self.others.saturating_add(1),
            None => {
                self.counts.insert(key, 1);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.counts.keys()
    }

    /// The most frequent first; as many in the order of their names.
    pub(super) fn sorted(&self) -> Vec<(&K, u64)> {
        let mut sorted: Vec<_> = self.counts.iter().map(|(key, count)| (key, *count)).collect();
        sorted.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        sorted
    }
}
