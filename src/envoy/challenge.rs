//! `WWW-Authenticate` (RFC 9110 section 11.6.1) for each refusal that has one.

use std::fmt::Write as _;

use crate::authz::{Answer, Findings, Reason};

/// The challenge, built from constants and from the operator's own names; nothing of the token or
/// the request is ever echoed.
///
/// Parameters, each at most once (RFC 6750 section 3): `realm` where no metadata URL is known,
/// `error`, `error_description`, `scope`, `resource_metadata` (RFC 9728 section 5.1).
#[must_use]
pub fn www_authenticate(reason: Reason, findings: &Findings) -> Option<String> {
    let (error, scope) = match reason.answer() {
        Answer::InvalidRequest => (Some("invalid_request"), false),
        Answer::NoCredential => (None, true),
        Answer::InvalidToken => (Some("invalid_token"), false),
        Answer::InsufficientScope => (Some("insufficient_scope"), true),
        Answer::ActorUnauthorized => (Some("actor_unauthorized"), false),
        Answer::AccessDenied | Answer::Unavailable => return None,
    };
    let mut challenge = Challenge(String::with_capacity(192));
    let metadata = findings.service.as_ref().and_then(|service| service.resource_metadata.as_deref());
    if metadata.is_none() {
        challenge.parameter("realm", findings.service.as_ref().map_or("hopgate", |service| &service.name));
    }
    if let Some(error) = error {
        challenge.parameter("error", error);
        challenge.parameter("error_description", reason.description());
    }
    let scopes = findings.route.as_ref().map(|route| route.scopes.join(" ")).filter(|_| scope);
    if let Some(scopes) = scopes.filter(|scopes| !scopes.is_empty()) {
        challenge.parameter("scope", &scopes);
    }
    if let Some(url) = metadata {
        challenge.parameter("resource_metadata", url);
    }
    Some(challenge.0)
}

struct Challenge(String);

impl Challenge {
    /// Adds `name="value"`, a quoted string of RFC 9110 section 5.6.4.
    fn parameter(&mut self, name: &str, value: &str) {
        self.0.push_str(if self.0.is_empty() { "Bearer " } else { ", " });
        // Writing to a String can't fail.
        let _ = write!(self.0, "{name}=\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(c);
                }
                ' '..='~' => self.0.push(c),
                // A service name may hold anything; a header may not.
                _ => self.0.push('?'),
            }
        }
        self.0.push('"');
    }
}
