//! How often something came, without growing for ever.
//!
//! What comes most often is kept whatever came before it, by the algorithm of Misra and Gries: what finds no room takes
//! one away from everything. From then on counts are lower bounds.

use std::collections::HashMap;
use std::hash::Hash;

/// Most different things that are told apart.
const MAX_KEYS: usize = 10_000;

#[derive(Debug)]
pub(super) struct Counts<K> {
    counts: HashMap<K, u64>,
    /// How often something came that is in no count.
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
            None if full => {
                let taken = u64::try_from(self.counts.len()).unwrap_or(u64::MAX).saturating_add(1);
                self.others = self.others.saturating_add(taken);
                self.counts.retain(|_, count| {
                    *count = count.saturating_sub(1);
                    *count > 0
                });
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_most_often_is_kept_whatever_came_before_it() {
        let mut counts = Counts::default();
        for rare in 0..25_000 {
            counts.add(rare);
        }
        let often = 50_000_u64;
        for _ in 0..often {
            counts.add(-1);
        }
        let (first, count) = *counts.sorted().first().expect("some");
        assert_eq!((*first, count), (-1, often));
        let counted: u64 = counts.sorted().into_iter().map(|(_, count)| count).sum();
        assert_eq!(counted + counts.others, 25_000 + often, "nothing is lost without being counted");
        assert!(counts.len() <= MAX_KEYS);
    }
}
