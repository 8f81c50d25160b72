//! Names, exact or with one star, and what stands for each.

use std::collections::HashMap;

/// Values by pattern. An exact name wins; of patterns with a star, the one with most letters beside it.
#[derive(Clone, Debug)]
pub struct Patterns<T> {
    exact: HashMap<Box<str>, T>,
    /// The longest first.
    starred: Vec<Starred<T>>,
}

#[derive(Clone, Debug)]
struct Starred<T> {
    before: Box<str>,
    behind: Box<str>,
    value: T,
}

/// What a name was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'p, 'n, T> {
    pub(super) value: &'p T,
    /// The part of the name that the star stands for.
    pub(super) star: Option<&'n str>,
}

/// Why a pattern can't be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    Empty,
    MoreThanOneStar,
    /// Another of the same length matches some of the same names: neither is the closer one.
    Overlaps(String),
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), starred: Vec::new() }
    }
}

impl<T> Patterns<T> {
    /// Adds `value` for `pattern`.
    ///
    /// # Errors
    /// [`PatternError`]; then nothing is added.
    pub fn add(&mut self, pattern: &str, value: T) -> Result<(), PatternError> {
        let Some((before, behind)) = pattern.split_once('*') else {
            if pattern.is_empty() {
                return Err(PatternError::Empty);
            }
            self.exact.insert(pattern.into(), value);
            return Ok(());
        };
        if behind.contains('*') {
            return Err(PatternError::MoreThanOneStar);
        }
        let added = Starred { before: before.into(), behind: behind.into(), value };
        if let Some(other) =
            self.starred.iter().find(|other| other.length() == added.length() && other.overlaps(&added))
        {
            return Err(PatternError::Overlaps(format!("{}*{}", other.before, other.behind)));
        }
        let at = self.starred.partition_point(|other| other.length() >= added.length());
        self.starred.insert(at, added);
        Ok(())
    }

    pub(super) fn find<'n>(&self, name: &'n str) -> Option<Found<'_, 'n, T>> {
        if let Some(value) = self.exact.get(name) {
            return Some(Found { value, star: None });
        }
        self.starred.iter().find_map(|pattern| {
            let star = name.strip_prefix(pattern.before.as_ref())?.strip_suffix(pattern.behind.as_ref())?;
            Some(Found { value: &pattern.value, star: Some(star) })
        })
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.exact.values().chain(self.starred.iter().map(|pattern| &pattern.value))
    }

    /// The names that are written out.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(AsRef::as_ref)
    }
}

impl<T> Starred<T> {
    fn length(&self) -> usize {
        self.before.len().saturating_add(self.behind.len())
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (one, two) = (self.before.as_ref(), other.before.as_ref());
        let (end, other_end) = (self.behind.as_ref(), other.behind.as_ref());
        (one.starts_with(two) || two.starts_with(one)) && (end.ends_with(other_end) || other_end.ends_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_pattern_wins() {
        let mut patterns = Patterns::default();
        for pattern in ["*", "search_*", "search_all", "*_documents", "search_d*"] {
            patterns.add(pattern, pattern).unwrap();
        }
        let cases = [
            ("search_all", "search_all"),
            ("search_", "search_*"),
            ("search_dogs", "search_d*"),
            ("delete_documents", "*_documents"),
            ("search_documents", "*_documents"),
            ("else", "*"),
            ("", "*"),
        ];
        for (name, pattern) in cases {
            assert_eq!(patterns.find(name).map(|found| *found.value), Some(pattern), "{name}");
        }
    }

    #[test]
    fn what_is_not_clear_is_not_added() {
        let mut patterns = Patterns::default();
        patterns.add("get_*", ()).unwrap();
        assert_eq!(patterns.add("*_all", ()), Err(PatternError::Overlaps("get_*".to_owned())));
        assert_eq!(patterns.add("a**", ()), Err(PatternError::MoreThanOneStar));
        assert_eq!(patterns.add("", ()), Err(PatternError::Empty));
        patterns.add("set_*", ()).unwrap();
        assert!(patterns.find("_all").is_none());
        // Neither half may be used twice.
        patterns.add("aa*aa", ()).unwrap();
        assert!(patterns.find("aaa").is_none());
    }
}
