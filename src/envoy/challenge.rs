//! `WWW-Authenticate` (RFC 9110 section 11.6.1) for each refusal that has one.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::authz::{Algorithm, Answer, Findings, Object, Reason, Scheme, StepUp};

/// The challenges, one a scheme, built from constants and from the operator's own names; nothing of
/// the token or the request is ever echoed.
///
/// Parameters, each at most once (RFC 6750 section 3): `realm` where no metadata URL is known,
/// `error`, `error_description`, `scope`, `acr_values` and `max_age` (RFC 9470 section 3),
/// `authorization_remediation`, `algs` of
/// DPoP (RFC 9449 section 7.1), `resource_metadata` (RFC 9728 section 5.1).
#[must_use]
pub fn www_authenticate(reason: Reason, findings: &Findings, proof_algorithms: &[Algorithm]) -> Vec<String> {
    let answer = reason.answer();
    let write = |scheme, error| challenge(scheme, error, reason, findings, proof_algorithms);
    // What a request used, a challenge answers; where no URL is known no proof can be for it.
    let dpop = findings.service.as_ref().is_none_or(|service| !service.external_urls.is_empty());
    let used = findings.scheme.unwrap_or(Scheme::Bearer);
    match answer {
        Answer::AccessDenied
        | Answer::Unavailable
        | Answer::ContentTooLarge
        | Answer::UnsupportedMediaType
        | Answer::MethodNotAllowed => Vec::new(),
        // What is wrong with the body is no matter of the credentials.
        Answer::InvalidRequest if is_of_body(reason) => Vec::new(),
        Answer::NoCredential if dpop => vec![write(Scheme::Bearer, None), write(Scheme::Dpop, None)],
        Answer::NoCredential => vec![write(Scheme::Bearer, None)],
        // RFC 9449 section 7.2: the token is refused as Bearer, and DPoP is named as the way.
        Answer::InvalidTokenUnlessProven if dpop => {
            vec![write(Scheme::Bearer, Some("invalid_token")), write(Scheme::Dpop, None)]
        }
        Answer::InvalidTokenUnlessProven => vec![write(Scheme::Bearer, Some("invalid_token"))],
        // RFC 9449 section 7.2: with both schemes in one request, both are told.
        Answer::InvalidRequest if reason == Reason::HeaderRepeated && dpop => {
            vec![write(Scheme::Bearer, Some("invalid_request")), write(Scheme::Dpop, Some("invalid_request"))]
        }
        Answer::InvalidRequest => vec![write(used, Some("invalid_request"))],
        Answer::InvalidToken => vec![write(used, Some("invalid_token"))],
        Answer::InvalidProof => vec![write(Scheme::Dpop, Some("invalid_dpop_proof"))],
        Answer::UseNonce => vec![write(Scheme::Dpop, Some("use_dpop_nonce"))],
        Answer::InsufficientUserAuthentication => vec![write(used, Some("insufficient_user_authentication"))],
        Answer::InsufficientAuthorization => vec![write(used, Some("insufficient_authorization"))],
        Answer::InsufficientScope => vec![write(used, Some("insufficient_scope"))],
        Answer::ActorUnauthorized => vec![write(used, Some("actor_unauthorized"))],
    }
}

fn is_of_body(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BodyMissing
            | Reason::BodyMalformed
            | Reason::CallBatched
            | Reason::CallMalformed
            | Reason::ParamsMalformed
            | Reason::HeaderMismatch
            | Reason::RevisionUnsupported
            | Reason::ArgumentInvalid
    )
}

/// What is to be approved, as draft-ietf-oauth-rar-metadata-remediation puts it into a challenge:
/// base64url of a JSON object. Without an `authorization_reference`: the token will be good for once.
fn remediation(wanted: &Object) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "authorization_details": [wanted] }).to_string())
}

fn challenge(
    scheme: Scheme,
    error: Option<&str>,
    reason: Reason,
    findings: &Findings,
    proof_algorithms: &[Algorithm],
) -> String {
    let mut challenge = Challenge::new(scheme);
    let service = findings.service.as_deref();
    let rule = findings.rule.as_deref();
    let metadata = service.and_then(|service| service.metadata.as_ref());
    if metadata.is_none() {
        challenge.parameter("realm", service.map_or("hopgate", |service| &service.name));
    }
    if let Some(error) = error {
        challenge.parameter("error", error);
        challenge.parameter("error_description", reason.description());
    }
    match reason.answer() {
        Answer::NoCredential | Answer::InsufficientScope => {
            let scopes = rule.map(|rule| rule.scopes.join(" ")).filter(|scopes| !scopes.is_empty());
            if let Some(scopes) = scopes {
                challenge.parameter("scope", &scopes);
            }
        }
        Answer::InsufficientUserAuthentication => {
            if let Some(step_up) = rule.and_then(|rule| rule.step_up.as_ref()) {
                challenge.step_up(step_up);
            }
        }
        Answer::InsufficientAuthorization => {
            if let Some(wanted) = &findings.approval {
                challenge.parameter("authorization_remediation", &remediation(wanted));
            }
        }
        Answer::InvalidRequest
        | Answer::ContentTooLarge
        | Answer::UnsupportedMediaType
        | Answer::MethodNotAllowed
        | Answer::InvalidToken
        | Answer::InvalidTokenUnlessProven
        | Answer::InvalidProof
        | Answer::UseNonce
        | Answer::ActorUnauthorized
        | Answer::AccessDenied
        | Answer::Unavailable => {}
    }
    if scheme == Scheme::Dpop {
        let names: Vec<_> = proof_algorithms.iter().map(|algorithm| algorithm.name()).collect();
        challenge.parameter("algs", &names.join(" "));
    }
    if let Some(metadata) = metadata {
        challenge.parameter("resource_metadata", &metadata.url);
    }
    challenge.text
}

struct Challenge {
    text: String,
    empty: bool,
}

impl Challenge {
    fn new(scheme: Scheme) -> Self {
        let mut text = String::with_capacity(192);
        text.push_str(scheme.name());
        Self { text, empty: true }
    }

    fn step_up(&mut self, rule: &StepUp) {
        if !rule.acr_values.is_empty() {
            self.parameter("acr_values", &rule.acr_values.join(" "));
        }
        if let Some(max_age) = rule.max_age {
            self.parameter("max_age", &max_age.as_secs().to_string());
        }
    }

    /// Adds `name="value"`, a quoted string of RFC 9110 section 5.6.4.
    fn parameter(&mut self, name: &str, value: &str) {
        self.text.push_str(if self.empty { " " } else { ", " });
        self.empty = false;
        // Writing to a String can't fail.
        let _ = write!(self.text, "{name}=\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => {
                    self.text.push('\\');
                    self.text.push(c);
                }
                ' '..='~' => self.text.push(c),
                // A service name may hold anything; a header may not.
                _ => self.text.push('?'),
            }
        }
        self.text.push('"');
    }
}
