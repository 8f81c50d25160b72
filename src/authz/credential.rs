//! The credential of a call: at most one, in the `authorization` header.

use super::reason::Reason;
use super::request::{Field, Request};

/// The access token as it was sent, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    pub(super) scheme: Scheme,
    pub(super) token: &'a str,
}

/// The authentication scheme a token is sent under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
}

impl Scheme {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    /// Scheme names compare without case (RFC 9110 section 11.1).
    fn from_name(name: &str) -> Option<Self> {
        [Self::Bearer, Self::Dpop].into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// The scheme that a request names, if it names one that is known.
    pub(super) fn of(request: &Request<'_>) -> Option<Self> {
        let Field::Once(value) = request.authorization else { return None };
        let name = trim_ows(value).split(|b| *b == b' ').next()?;
        Self::from_name(std::str::from_utf8(name).ok()?)
    }
}

/// Check 1, its part about headers: a header that can be read two ways is no header.
///
/// RFC 6750 section 3.1: a request that "repeats the same parameter, uses more than one method for
/// including an access token" is `invalid_request`. Envoy joins repeated headers with a comma
/// unless it sends them raw; neither scheme's credentials can hold one.
pub(super) fn single_headers(request: &Request<'_>) -> Result<(), Reason> {
    for field in [&request.authorization, &request.dpop] {
        match field {
            Field::Once(value) if value.contains(&b',') => return Err(Reason::HeaderRepeated),
            Field::Repeated => return Err(Reason::HeaderRepeated),
            Field::Once(_) | Field::Absent => {}
        }
    }
    Ok(())
}

/// Check 3: the token of the request.
pub(super) fn present<'a>(request: &Request<'a>, query: Option<&str>) -> Result<Credential<'a>, Reason> {
    let value = match request.authorization {
        Field::Absent => return Err(Reason::CredentialMissing),
        Field::Once(value) => trim_ows(value),
        Field::Repeated => return Err(Reason::HeaderRepeated),
    };
    if value.is_empty() {
        return Err(Reason::CredentialMissing);
    }
    // OAuth 2.1 section 5.1: a token in the query is ignored; next to one in the header it is a
    // second method, RFC 6750 section 2: "Clients MUST NOT use more than one method".
    if query.is_some_and(names_access_token) {
        return Err(Reason::CredentialTwice);
    }
    let Ok(value) = std::str::from_utf8(value) else {
        return Err(Reason::CredentialMalformed);
    };
    let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
    let Some(known) = Scheme::from_name(scheme) else {
        return Err(if is_token(scheme) { Reason::SchemeUnsupported } else { Reason::CredentialMalformed });
    };
    // RFC 6750 section 2.1: `"Bearer" 1*SP b64token`; RFC 9449 section 7.1: `"DPoP" 1*SP token68`.
    let token = credentials.trim_start_matches(' ');
    if is_token68(token) { Ok(Credential { scheme: known, token }) } else { Err(Reason::CredentialMalformed) }
}

fn names_access_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// RFC 9110 section 5.5: optional white space around a field value is not part of it.
fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// RFC 9110 section 5.6.2 `token`, the grammar of an authentication scheme.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// RFC 9110 section 11.2 `token68`.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(header: &[u8]) -> Result<String, Reason> {
        let request = Request { authorization: Field::Once(header), ..Request::default() };
        single_headers(&request)?;
        present(&request, None).map(|credential| format!("{} {}", credential.scheme.name(), credential.token))
    }

    #[test]
    fn the_scheme_is_case_insensitive_and_spaces_may_repeat() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "Bearer    a.b.c", "  Bearer a.b.c\t"] {
            assert_eq!(token_of(header.as_bytes()), Ok("Bearer a.b.c".to_owned()), "{header:?}");
        }
        for header in ["DPoP a.b.c", "dpop a.b.c", "DPOP  a.b.c"] {
            assert_eq!(token_of(header.as_bytes()), Ok("DPoP a.b.c".to_owned()), "{header:?}");
        }
    }

    #[test]
    fn credentials_that_are_not_one_token68_are_malformed() {
        for header in [
            "Bearer",
            "Bearer ",
            "Bearer x y",
            "Bearer\tx",
            "Bearer \"x\"",
            "Bearer x\u{0}",
            "Bearer =",
            "Bearer x=y",
            "(x) y",
        ] {
            let found = token_of(header.as_bytes());
            assert!(matches!(found, Err(Reason::CredentialMalformed)), "{header:?}: {found:?}");
        }
        assert_eq!(token_of(b"Bearer \xff\xfe"), Err(Reason::CredentialMalformed));
    }

    #[test]
    fn no_credential_and_another_scheme_are_told_apart() {
        assert_eq!(token_of(b""), Err(Reason::CredentialMissing));
        assert_eq!(token_of(b" \t "), Err(Reason::CredentialMissing));
        assert_eq!(token_of(b"Basic dXNlcjpwYXNz"), Err(Reason::SchemeUnsupported));
        assert_eq!(token_of(b"DPoP-2 a.b.c"), Err(Reason::SchemeUnsupported));
    }

    #[test]
    fn repeated_and_joined_headers_are_refused() {
        assert_eq!(token_of(b"Bearer a,Bearer b"), Err(Reason::HeaderRepeated));
        let twice = Request { authorization: Field::Repeated, ..Request::default() };
        assert_eq!(single_headers(&twice), Err(Reason::HeaderRepeated));
        let proofs = Request { dpop: Field::Repeated, ..Request::default() };
        assert_eq!(single_headers(&proofs), Err(Reason::HeaderRepeated));
    }

    #[test]
    fn a_token_in_the_query_is_ignored_alone_and_refused_beside_a_header() {
        let header = Request { authorization: Field::Once(b"Bearer a.b.c"), ..Request::default() };
        for query in ["access_token=x", "a=1&access_token", "%61ccess_token=x"] {
            assert_eq!(present(&header, Some(query)), Err(Reason::CredentialTwice), "{query}");
            assert_eq!(present(&Request::default(), Some(query)), Err(Reason::CredentialMissing));
        }
        assert!(present(&header, Some("x=access_token")).is_ok());
    }
}
