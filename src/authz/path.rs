//! A request path that every reader behind us will understand the same way.
//!
//! Rules match text. If the text has a second spelling that a proxy or framework would turn into
//! another path (`/public/%2e%2e/admin`, `//admin`, `/a;x/..`), the rule and the service disagree
//! about what was called. So a path is either its own canonical form (RFC 3986 section 6.2.2) or
//! it is refused; nothing is decoded, folded or repaired here.

/// A canonical absolute path, without query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanonicalPath<'a>(&'a str);

/// Why a request target has no single meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ambiguous(pub &'static str);

impl<'a> CanonicalPath<'a> {
    /// Splits a request target at its first `?` and takes the path if it is canonical.
    /// Gives the path and the query, the latter without its `?`.
    ///
    /// # Errors
    /// The first spelling found that another reader could take for a different path.
    pub fn split(target: &'a str) -> Result<(Self, Option<&'a str>), Ambiguous> {
        if target.contains('#') {
            return Err(Ambiguous("a fragment"));
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        Self::parse(path).map(|path| (path, query))
    }

    /// Takes `path` if it is its own canonical form.
    ///
    /// # Errors
    /// As [`CanonicalPath::split`].
    pub fn parse(path: &'a str) -> Result<Self, Ambiguous> {
        let Some(rest) = path.strip_prefix('/') else {
            return Err(Ambiguous("no leading slash"));
        };
        let mut segments = rest.split('/').peekable();
        while let Some(segment) = segments.next() {
            // One empty segment at the very end is a trailing slash, a path of its own.
            if segment.is_empty() && segments.peek().is_some() {
                return Err(Ambiguous("an empty segment"));
            }
            check_segment(segment)?;
        }
        Ok(Self(path))
    }

    /// Whether the path holds an escape of one of `delimiters`.
    pub(super) fn escapes_any(self, delimiters: &[u8]) -> bool {
        self.0.split('%').skip(1).any(|behind| match behind.as_bytes() {
            [high, low, ..] => check_escape(*high, *low).is_ok_and(|octet| delimiters.contains(&octet)),
            [_] | [] => true,
        })
    }

    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

fn check_segment(segment: &str) -> Result<(), Ambiguous> {
    if segment.ends_with('.') {
        // `.`, `..`, and the trailing dots that some file systems drop.
        return Err(Ambiguous("a dot segment or trailing dot"));
    }
    if segment.ends_with("%20") || segment.starts_with("%20") {
        return Err(Ambiguous("an encoded space at the edge of a segment"));
    }
    let mut decoded = Vec::new();
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (Some(high), Some(low)) = (bytes.next(), bytes.next()) else {
                return Err(Ambiguous("a cut-off percent escape"));
            };
            decoded.push(check_escape(high, low)?);
        } else if !is_path_char(byte) {
            return Err(Ambiguous("a character that has no place in a path"));
        } else if !decoded.is_empty() {
            decoded.push(byte);
        }
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Ambiguous("escapes that are not UTF-8"));
    }
    Ok(())
}

/// The octet behind `%` `high` `low`, if it may be written escaped and is written canonically.
fn check_escape(high: u8, low: u8) -> Result<u8, Ambiguous> {
    let octet = match (upper_hex(high), upper_hex(low)) {
        (Some(high), Some(low)) => high << 4 | low,
        (Some(_) | None, _) => return Err(Ambiguous("an escape that is not two upper-case hex digits")),
    };
    match octet {
        0x00..=0x1f | 0x7f => Err(Ambiguous("an escaped control character")),
        b'/' | b'\\' => Err(Ambiguous("an escaped slash")),
        b'%' => Err(Ambiguous("an escaped percent sign")),
        // Decoded and parsed once more, these end the path or its segment.
        b'?' | b'#' | b';' => Err(Ambiguous("an escaped path delimiter")),
        _ if is_unreserved(octet) => Err(Ambiguous("an escape that was not needed")),
        _ => Ok(octet),
    }
}

fn upper_hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 3.3 `pchar` without escapes, and without `;`: what stands behind it is a
/// parameter to some servers and part of the name to others.
fn is_path_char(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_paths_are_taken_as_they_are() {
        for path in
            ["/", "/a", "/a/b/", "/a.b/c-d_e~f", "/a/x%20b%3Ac", "/%C3%A9", "/pkg.Service/Method", "/x:send", "/*"]
        {
            assert_eq!(CanonicalPath::parse(path).map(CanonicalPath::as_str), Ok(path));
        }
    }

    #[test]
    fn every_second_spelling_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "http://h/a",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/a.",
            "/a./b",
            "/%2e%2e/admin",
            "/%2E%2E/admin",
            "/a%2fb",
            "/a%2Fb",
            "/a%5Cb",
            "/a\\b",
            "/a%00",
            "/a%0A",
            "/a%7F",
            "/%61dmin",
            "/%7Euser",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%c3%a9",
            "/a%25",
            "/%252e",
            "/%C0%AE",
            "/%FF",
            "/a;b",
            "/a;/b",
            "/a b",
            "/a%20",
            "/%20a",
            "/a\u{e9}",
            "/a\"",
            "/a<",
            "/a{b}",
            "/a|b",
            "/a^b",
            "/a`b",
            "/a[b]",
            "/a\t",
            "/a\n",
            "/a\u{0}",
        ] {
            assert!(CanonicalPath::parse(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_target_is_split_at_its_first_question_mark() {
        let (path, query) = CanonicalPath::split("/a?b?c=/../d").expect("canonical");
        assert_eq!((path.as_str(), query), ("/a", Some("b?c=/../d")));
        assert!(CanonicalPath::split("/a?b#c").is_err());
        assert!(CanonicalPath::split("/a#b").is_err());
    }
}
