//! RFC 8414 metadata and the JWK Set.

use std::{collections::BTreeSet, time::Instant};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Issuer, dpop, grant};

/// RFC 8414 section 2, with the members OIDC Discovery wants, so that either kind of client can read it.
pub(super) async fn document(State(issuer): State<Issuer>) -> Json<Value> {
    let identifier = &issuer.0.identifier;
    let scopes: BTreeSet<&str> =
        issuer.0.clients.iter().flat_map(|client| &client.scopes).map(String::as_str).collect();
    let mut document = json!({
        "hopgate_dev": true,
        "issuer": identifier.as_str(),
        "token_endpoint": identifier.url("/token"),
        "jwks_uri": identifier.url("/jwks"),
        "grant_types_supported": [grant::CLIENT_CREDENTIALS, grant::TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "scopes_supported": scopes,
        // There is no authorization endpoint, so no response type; RFC 8414 requires the member all the same.
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [issuer.signing_key().alg()],
        "hopgate_dev_user_token_endpoint": identifier.url("/user-token"),
        "hopgate_dev_rotate_endpoint": identifier.url("/rotate"),
    });
    let types = &issuer.0.details_types;
    if let (Some(members), false) = (document.as_object_mut(), types.is_empty()) {
        // RFC 9396 section 10. Where any is taken, there is none to name.
        members.insert("authorization_details_types_supported".to_owned(), json!(types));
    }
    Json(document)
}

pub(super) async fn jwks(State(issuer): State<Issuer>) -> Json<Value> {
    Json(issuer.0.keys.load().jwks(Instant::now()))
}
