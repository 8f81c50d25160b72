//! The URL a DPoP proof is for (`htu`), and the URL this request was sent to.
//!
//! RFC 9449 section 4.3: compared "ignoring any query and fragment parts", after the normalization
//! of RFC 3986 sections 6.2.2 and 6.2.3. `url` does most of it (case of scheme and host, default
//! ports, dot segments, the empty path); the percent-encoding is left to us.

use url::Url;

/// Longest `htu` looked at, bytes.
const MAX_HTU: usize = 2048;

/// A URL in its normal form, without query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl(Box<str>);

impl TargetUrl {
    /// Reads an `http` or `https` URL; `None` for anything else, or what another reader might take
    /// for another URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // `Url` follows browsers: it would drop tabs and line ends, and turn `\` into `/`.
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b);
        if text.len() > MAX_HTU || !text.bytes().all(plain) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        if rest.starts_with('/') || !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let mut url = Url::parse(text).ok()?;
        if !url.username().is_empty() || url.password().is_some() || rest.split('/').next()?.contains('@') {
            return None;
        }
        url.set_query(None);
        url.set_fragment(None);
        Some(Self(normal_percent_encoding(url.as_str())?.into()))
    }

    /// The URL of `path` below this one: the base that a service is called under, and the path that
    /// Envoy saw.
    #[must_use]
    pub(super) fn join(&self, path: &str) -> Option<Self> {
        let base = self.0.strip_suffix('/').unwrap_or(&self.0);
        Some(Self(normal_percent_encoding(&format!("{base}{path}"))?.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 3986 sections 6.2.2.1 and 6.2.2.2: upper-case hex digits, and no unreserved character in
/// them. `None` where a `%` starts no escape.
fn normal_percent_encoding(text: &str) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('%') {
        normal.push_str(before);
        let (hex, behind) = behind.split_at_checked(2)?;
        let byte = u8::from_str_radix(Some(hex).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push_str(&hex.to_ascii_uppercase());
        }
        rest = behind;
    }
    normal.push_str(rest);
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<String> {
        TargetUrl::parse(text).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn spellings_of_one_url_are_one() {
        for text in [
            "https://rs.example/a/b~c%2F",
            "HTTPS://RS.Example:443/a/b~c%2f",
            "https://rs.example/a/b%7Ec%2F",
            "https://rs.example/a/b%7ec%2F?x=1#y",
            "https://rs.example/x/../a/./b~c%2F",
            "https://rs.example/%61/b~c%2F",
        ] {
            assert_eq!(normal(text).as_deref(), Some("https://rs.example/a/b~c%2F"), "{text}");
        }
        assert_eq!(normal("http://rs.example:80").as_deref(), Some("http://rs.example/"));
        assert_eq!(normal("http://rs.example?q").as_deref(), Some("http://rs.example/"));
    }

    #[test]
    fn other_urls_are_others() {
        let one = normal("https://rs.example/a");
        for text in [
            "http://rs.example/a",
            "https://rs.example:8443/a",
            "https://rs.example/a/",
            "https://rs.example/A",
            "https://rs.example.evil/a",
            "https://rs.example./a",
            "https://rs.example//a",
        ] {
            assert!(normal(text).is_some() && normal(text) != one, "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_none() {
        for text in [
            "",
            "rs.example/a",
            "//rs.example/a",
            "/a",
            "https:rs.example/a",
            "https:/rs.example/a",
            "https:///rs.example/a",
            "https://rs.example\\a",
            "https://rs.exa\tmple/a",
            " https://rs.example/a",
            "https://user@rs.example/a",
            "https://:@rs.example/a",
            "https://rs.example/%",
            "https://rs.example/%4",
            "https://rs.example/%zz",
            "https://rs.example/%+1",
            "https://rs.example/\u{e9}",
            "ftp://rs.example/a",
            "data:text/plain,x",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_goes_below_its_base() {
        for base in ["https://rs.example", "https://rs.example/"] {
            let joined = TargetUrl::parse(base).and_then(|base| base.join("/a%2fb"));
            assert_eq!(joined, TargetUrl::parse("https://rs.example/a%2Fb"));
        }
        let joined = TargetUrl::parse("https://gw.example/invoices/").and_then(|base| base.join("/7"));
        assert_eq!(joined, TargetUrl::parse("https://gw.example/invoices/7"));
    }
}
