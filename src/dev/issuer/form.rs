//! The parameters of a token request, and the grammars of what they hold.

use std::collections::HashSet;

use axum::{Form, extract::rejection::FormRejection};
use url::Url;

use super::oauth_error::OauthError;

/// What a handler takes: axum's form as pairs, because `audience` and `resource` may repeat.
pub(super) type Pairs = Result<Form<Vec<(String, String)>>, FormRejection>;

/// Parameters of a request body.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// RFC 6749 section 3.2: "Parameters sent without a value MUST be treated as if they were omitted from the request";
    /// "request and response parameters MUST NOT be included more than once", but for the two that may (RFC 8693
    /// section 2.1, RFC 8707 section 2).
    pub(super) fn read(pairs: Pairs) -> Result<Self, OauthError> {
        let Form(mut pairs) = pairs?;
        pairs.retain(|(_, value)| !value.is_empty());
        let mut seen = HashSet::new();
        let single =
            pairs.iter().map(|(name, _)| name).filter(|name| !matches!(name.as_str(), "audience" | "resource"));
        for name in single {
            if !seen.insert(name) {
                return Err(OauthError::request("a parameter was given more than once"));
            }
        }
        Ok(Self(pairs))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(super) fn required(&self, name: &str, missing: &'static str) -> Result<&str, OauthError> {
        self.get(name).ok_or(OauthError::request(missing))
    }

    /// The audiences named by `audience` and `resource`, in order, each once.
    pub(super) fn targets(&self) -> Result<Vec<String>, OauthError> {
        let mut targets: Vec<String> = Vec::new();
        for resource in self.all("resource") {
            // RFC 8707 section 2: "an absolute URI … MUST NOT include a fragment component".
            if resource.contains('#') || Url::parse(resource).is_err() {
                return Err(OauthError::target("resource is not an absolute URI without a fragment"));
            }
        }
        for target in self.all("audience").chain(self.all("resource")) {
            if !targets.iter().any(|known| known == target) {
                targets.push(target.to_owned());
            }
        }
        Ok(targets)
    }

    /// The scopes asked for, in order, each once; `None` when the request leaves the choice to the server.
    pub(super) fn scopes(&self) -> Result<Option<Vec<String>>, OauthError> {
        self.get("scope").map(scopes).transpose()
    }

    fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Splits a scope string (RFC 6749 section 3.3).
pub(super) fn scopes(text: &str) -> Result<Vec<String>, OauthError> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !is_scope(scope) {
            return Err(OauthError::scope("scope has characters no scope may have"));
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

/// RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
pub(super) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

/// RFC 6749 appendix A.1 and A.2: `client-id` and `client-secret` are `VSCHAR`, here at least one.
pub(super) fn is_printable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x20..=0x7E))
}
