//! Errors as OAuth's token endpoint writes them (RFC 6749 section 5.2, RFC 8693 section 2.2.2).

use axum::{
    Json,
    extract::rejection::FormRejection,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refused token request. The description is a constant: it never repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OauthError {
    code: &'static str,
    description: &'static str,
}

impl OauthError {
    /// A malformed request; also a subject or actor token that is no good, RFC 8693 section 2.2.2: "if either the
    /// `subject_token` or `actor_token` are invalid for any reason, or are unacceptable based on policy".
    pub(super) const fn request(description: &'static str) -> Self {
        Self { code: "invalid_request", description }
    }

    pub(super) const fn client(description: &'static str) -> Self {
        Self { code: "invalid_client", description }
    }

    pub(super) const fn scope(description: &'static str) -> Self {
        Self { code: "invalid_scope", description }
    }

    /// RFC 8707 section 2, RFC 8693 section 2.2.2.
    pub(super) const fn target(description: &'static str) -> Self {
        Self { code: "invalid_target", description }
    }

    /// RFC 9449 section 5.
    pub(super) const fn proof(description: &'static str) -> Self {
        Self { code: "invalid_dpop_proof", description }
    }

    /// RFC 9396 section 5.
    pub(super) const fn details(description: &'static str) -> Self {
        Self { code: "invalid_authorization_details", description }
    }

    pub(super) const fn grant_type(description: &'static str) -> Self {
        Self { code: "unsupported_grant_type", description }
    }

    pub(super) const fn server(description: &'static str) -> Self {
        Self { code: "server_error", description }
    }
}

impl From<FormRejection> for OauthError {
    fn from(_: FormRejection) -> Self {
        Self::request("expected an application/x-www-form-urlencoded body")
    }
}

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let status = match self.code {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = Json(json!({ "error": self.code, "error_description": self.description }));
        let mut response = (status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6749 section 5.2: a client that used the header must be told the scheme.
            let challenge = header::HeaderValue::from_static("Basic realm=\"hopgate dev issuer\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
