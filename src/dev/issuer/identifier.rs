//! The issuer identifier and the places its endpoints are at (RFC 8414 sections 2 and 3).

use url::{Host, Url};

use crate::dev::DevError;

/// An issuer identifier, exactly as configured: tokens and metadata must carry the same string.
#[derive(Debug)]
pub(super) struct Identifier {
    text: String,
    /// Its path without the closing slash: empty, or `/…`.
    path: String,
}

impl Identifier {
    /// RFC 8414 section 2: "a URL that uses the "https" scheme and has no query or fragment components"; plain http is
    /// for loopback.
    pub(super) fn parse(text: &str) -> Result<Self, DevError> {
        let fault = |expected| DevError::Issuer { found: text.to_owned(), expected };
        let url = Url::parse(text).map_err(|_| fault("an absolute URL"))?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(fault("a URL with a host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(fault("https, or http on loopback"));
        }
        if text.contains(['?', '#']) || !url.username().is_empty() || url.password().is_some() {
            return Err(fault("no query, fragment or user information"));
        }
        // The path becomes route templates, where `{`, `:` and `*` have meanings of their own.
        if !url.path().chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | '~')) {
            return Err(fault("a path of letters, digits, `/`, `.`, `-`, `_` and `~`"));
        }
        Ok(Self { text: text.to_owned(), path: url.path().trim_end_matches('/').to_owned() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The path of an endpoint.
    pub(super) fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.path)
    }

    /// The URL of an endpoint.
    pub(super) fn url(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.text.trim_end_matches('/'))
    }

    /// RFC 8414 section 3: the well-known string is inserted between the host and the path.
    pub(super) fn well_known(&self, name: &str) -> String {
        format!("/.well-known/{name}{}", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_loopback_without_query_or_fragment() {
        for (text, allowed) in [
            ("http://127.0.0.1:9000", true),
            ("http://localhost:9000/as", true),
            ("http://[::1]:9000", true),
            ("https://as.example", true),
            ("http://as.example", false),
            ("http://localhost.as.example", false),
            ("https://as.example?x", false),
            ("https://as.example#", false),
            ("https://me@as.example", false),
            ("https://as.example/{x}", false),
            ("https://as.example/:x", false),
            ("as.example", false),
            ("", false),
        ] {
            assert_eq!(Identifier::parse(text).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn the_well_known_string_goes_between_host_and_path() {
        let issuer = Identifier::parse("https://as.example/a/b/").unwrap();
        assert_eq!(issuer.well_known("oauth-authorization-server"), "/.well-known/oauth-authorization-server/a/b");
        assert_eq!(
            (issuer.path("/token"), issuer.url("/token")),
            ("/a/b/token".to_owned(), "https://as.example/a/b/token".to_owned())
        );
        assert_eq!(issuer.as_str(), "https://as.example/a/b/");
    }
}
