//! Tokens, good and bad.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use serde_json::Value;

use super::{AUDIENCE, ISSUER};

/// alice's token, held by the planner, for the invoices service: good on every route but `/direct`.
pub(crate) fn alice() -> TokenBuilder {
    of("alice").actors(["planner"])
}

/// A token of `subject` without delegation, obtained by the planner.
pub(crate) fn of(subject: &str) -> TokenBuilder {
    TokenBuilder::new(ISSUER, subject, AUDIENCE).client_id("planner").scope("invoices:read invoices:refund")
}

/// alice's token with `claim` changed.
pub(crate) fn with(claim: &str, value: Value) -> TokenBuilder {
    alice().claim(claim, value)
}

/// `text` as a segment of a JWS.
pub(crate) fn segment(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// alice's token with header and payload as texts that `change` may spoil, signed well.
pub(crate) fn spoiled(key: &SigningKey, change: impl FnOnce(&mut String, &mut String)) -> String {
    let token = alice();
    let (mut header, mut payload) = (token.header_for(key).to_string(), token.claims().to_string());
    change(&mut header, &mut payload);
    key.sign_raw(header.as_bytes(), payload.as_bytes()).expect("signed")
}
