//! Member names as some reader may take them.

/// Whether some reader takes one for the other: Go's `encoding/json` does not tell letter cases apart,
/// by Unicode (to it, `ſ` is an `s`), and Protobuf's JSON takes `task_id` for `taskId`.
pub(in super::super) fn same_folded(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        ascii_letters(one).eq(ascii_letters(other))
    } else {
        folded(one) == folded(other)
    }
}

/// What [`folded`] makes of a name in ASCII.
fn ascii_letters(name: &str) -> impl Iterator<Item = u8> {
    let front = front(name);
    let letters = name.bytes().enumerate().filter(move |(at, byte)| *at < front || !matches!(byte, b'_' | b'-'));
    letters.map(|(_, byte)| byte.to_ascii_lowercase())
}

/// `name` without letter case, and without `_` and `-` behind its first letter.
fn folded(name: &str) -> String {
    let front = front(name);
    let letters = name.chars().enumerate().filter(|(at, c)| *at < front || !matches!(c, '_' | '-')).map(|(_, c)| c);
    letters.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

/// How many `_` and `-` a name begins with: `_id` is not `id` to anybody.
fn front(name: &str) -> usize {
    name.bytes().take_while(|byte| matches!(byte, b'_' | b'-')).count()
}

/// The names of one object, each as a digest of its folded form. Digests of two names may be equal
/// by chance, or because somebody searched for it: then an object is refused that need not be, and
/// never the other way round.
#[derive(Default)]
pub(super) struct Names(Vec<u64>);

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.0.push(digest(name));
    }

    /// Whether no two may be taken for each other.
    pub(super) fn are_distinct(mut self) -> bool {
        // Sorting costs a fraction of a set, and no more for names that somebody chose for it.
        self.0.sort_unstable();
        self.0.windows(2).all(|pair| pair.first() != pair.last())
    }
}

/// FNV-1a, 64 bits, of the folded name.
fn digest(name: &str) -> u64 {
    let add = |digest: u64, byte: u8| (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let start = 0xcbf2_9ce4_8422_2325;
    if name.is_ascii() { ascii_letters(name).fold(start, add) } else { folded(name).bytes().fold(start, add) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fold_alike_have_one_digest() {
        let alike = [("taskId", "task_id"), ("name", "NAME"), ("\u{17f}ub", "sub"), ("\u{212a}ey", "key"), ("ẞ", "ß")];
        for (one, other) in alike {
            assert!(same_folded(one, other) && digest(one) == digest(other), "{one} {other}");
        }
        for (one, other) in [("name", "names"), ("a", "b"), ("", "a"), ("é", "e"), ("_id", "id"), ("_meta", "meta")] {
            assert!(!same_folded(one, other) && digest(one) != digest(other), "{one} {other}");
        }
    }

    #[test]
    fn one_name_like_another_is_found_among_many() {
        let many = || {
            let mut names = Names::default();
            (0..100).for_each(|at| names.push(&format!("name{at}")));
            names
        };
        assert!(Names::default().are_distinct() && many().are_distinct());
        for name in ["name0", "Name_99", "NAME-50"] {
            let mut names = many();
            names.push(name);
            assert!(!names.are_distinct(), "{name}");
        }
    }
}
