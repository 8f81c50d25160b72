//! The envelope of a token: three base64url segments and a header that asks for nothing unusual.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::json::{self, Object};
use super::keys::MAX_KID;
use super::reason::Reason;

/// A JWS in compact serialization (RFC 7515 section 7.1), decoded and not yet verified.
pub(super) struct Jws<'a> {
    pub(super) header: Header,
    pub(super) payload: Object,
    /// What the signature covers: the first two segments with their dot.
    pub(super) message: &'a str,
    /// base64url.
    pub(super) signature: &'a str,
}

/// The three parts of a JWS in compact serialization, each decoded, nothing of them judged.
pub(super) struct Parts<'a> {
    pub(super) header: Object,
    pub(super) payload: Object,
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
}

/// The header parameters that decide anything. `jku`, `x5u`, `jwk` and `x5c` are never read: keys
/// come from the issuer's set alone (RFC 8725 section 3.10).
pub(super) struct Header {
    pub(super) typ: Option<String>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kid: Option<String>,
}

impl<'a> Parts<'a> {
    /// RFC 8725bis section 3.14: a legal JWT holds only the base64url alphabet and dots. Segments
    /// are decoded canonically, so one signature has one spelling.
    pub(super) fn split(text: &'a str) -> Result<Self, Reason> {
        let (message, signature) = text.rsplit_once('.').ok_or(Reason::TokenMalformed)?;
        let (header, payload) = message.split_once('.').ok_or(Reason::TokenMalformed)?;
        if payload.contains('.') {
            return Err(Reason::TokenMalformed);
        }
        decode_segment(signature)?;
        Ok(Self { header: object_in(header)?, payload: object_in(payload)?, message, signature })
    }
}

impl<'a> Jws<'a> {
    /// Decodes `token`, whose length was checked. An empty signature is left to fail as what it is,
    /// an algorithm nobody allows or a signature that does not match.
    pub(super) fn decode(token: &'a str) -> Result<Self, Reason> {
        let Parts { header, payload, message, signature } = Parts::split(token)?;
        Ok(Self { header: read_header(&header)?, payload, message, signature })
    }
}

fn object_in(segment: &str) -> Result<Object, Reason> {
    json::parse_object(&decode_segment(segment)?).map_err(|_| Reason::TokenMalformed)
}

fn decode_segment(segment: &str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Reason::TokenMalformed)
}

/// Whether a header asks for a reading that is not offered. RFC 7515 section 4.1.11: "If any of the
/// listed extension Header Parameters are not understood and supported by the recipient, then the
/// JWS is invalid." None is understood. `b64` (RFC 7797) may only come with `crit`; `cty` announces
/// a nested token (RFC 7519 section 5.2).
pub(super) fn asks_for_more(header: &Object) -> bool {
    ["crit", "b64", "cty"].iter().any(|extension| header.contains_key(*extension))
}

fn read_header(header: &Object) -> Result<Header, Reason> {
    if asks_for_more(header) {
        return Err(Reason::TokenExtended);
    }
    let algorithm = match header.get("alg") {
        Some(Value::String(name)) => Algorithm::from_header(name),
        Some(_) | None => return Err(Reason::TokenMalformed),
    };
    let kid = optional_string(header, "kid")?;
    if kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > MAX_KID) {
        return Err(Reason::TokenMalformed);
    }
    let typ = match header.get("typ") {
        None => None,
        Some(Value::String(typ)) => Some(typ.clone()),
        Some(_) => return Err(Reason::TokenTypeWrong),
    };
    Ok(Header { typ, algorithm, kid })
}

fn optional_string(object: &Object, name: &str) -> Result<Option<String>, Reason> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Reason::TokenMalformed),
    }
}
