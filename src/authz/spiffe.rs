//! SPIFFE ids, the identity of a workload in the mesh.

use std::fmt;

/// A SPIFFE id (SPIFFE-ID section 2), compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpiffeId(Box<str>);

const MAX_LEN: usize = 2048;

impl SpiffeId {
    /// Takes `text` if it is a SPIFFE id in its one spelling: lower-case trust domain, no port,
    /// user, query, fragment, escape, empty or dot segment, at most 2048 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("spiffe://")?;
        let (trust_domain, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let domain_ok = !trust_domain.is_empty()
            && trust_domain.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_'));
        let path_ok = path.is_empty() || path.split('/').skip(1).all(is_path_segment);
        (text.len() <= MAX_LEN && domain_ok && path_ok).then(|| Self(text.into()))
    }

    /// `td` of `spiffe://td/path`.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        let rest = self.0.strip_prefix("spiffe://").unwrap_or_default();
        rest.split_once('/').map_or(rest, |(trust_domain, _)| trust_domain)
    }

    /// Whether it has a path: without one it stands for the trust domain.
    #[must_use]
    pub fn names_a_workload(&self) -> bool {
        self.0.strip_prefix("spiffe://").is_some_and(|rest| rest.contains('/'))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_path_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_is_taken_and_no_other() {
        for id in ["spiffe://cluster.local/ns/agents/sa/planner", "spiffe://td", "spiffe://td/A.b-c_d"] {
            assert_eq!(SpiffeId::parse(id).as_ref().map(SpiffeId::as_str), Some(id));
        }
        for id in [
            "",
            "spiffe://",
            "SPIFFE://td/a",
            "spiffe://TD/a",
            "spiffe://td/",
            "spiffe://td//a",
            "spiffe://td/./a",
            "spiffe://td/..",
            "spiffe://td:1/a",
            "spiffe://u@td/a",
            "spiffe://td/a?b",
            "spiffe://td/a#b",
            "spiffe://td/%61",
            "spiffe://td/a\u{0}",
            "https://td/a",
            "spiffe://td/a b",
            "spiffe://td/a,spiffe://td/b",
        ] {
            assert_eq!(SpiffeId::parse(id), None, "{id:?}");
        }
        assert_eq!(SpiffeId::parse(&format!("spiffe://td/{}", "a".repeat(2048))), None);
    }
}
