//! A body as far as it can be trusted to be what the service will read.

use serde_json::Value;

use super::super::json::{Keep, Object, parse_unmistakable};
use super::super::reason::Reason;
use super::super::request::{Body, Field, Request};
use super::Sent;

pub(super) const JSON: &str = "application/json";

/// The body as JSON of one of these media types; of what is not to `keep`, only its kind.
pub(super) fn json(sent: &Sent<'_>, media_types: &[&str], keep: &'static Keep) -> Result<Value, Reason> {
    let request = sent.request;
    match request.headers.content_encoding {
        Field::Absent => {}
        Field::Once(coding) if coding.trim_ascii().eq_ignore_ascii_case(b"identity") => {}
        Field::Once(_) | Field::Repeated => return Err(Reason::BodyEncoded),
    }
    if !media_types.iter().any(|media_type| is_media_type(request.headers.content_type, media_type)) {
        return Err(Reason::ContentTypeWrong);
    }
    match request.body {
        Body::NotAttached => Err(Reason::BodyMissing),
        Body::CutOff => Err(Reason::BodyCutOff),
        Body::Rewritten => Err(Reason::BodyRewritten),
        Body::Whole(bytes) if bytes.len() > sent.body_limit => Err(Reason::BodyTooLarge),
        Body::Whole(bytes) => parse_unmistakable(bytes, keep).map_err(|_| Reason::BodyMalformed),
    }
}

pub(super) fn json_object(sent: &Sent<'_>, media_types: &[&str], keep: &'static Keep) -> Result<Object, Reason> {
    match json(sent, media_types, keep)? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Reason::BodyMalformed)
        }
    }
}

/// Whether the request says that it has no body. Without that, one that was not attached may still be there.
pub(super) fn is_empty(request: &Request<'_>) -> bool {
    request.body == Body::NotAttached && request.headers.content_length == Field::Once(b"0")
}

/// For a call that is judged without a body: one that came all the same, which a service might read, is refused. Envoy attaches
/// none of gRPC where it is told not to wait for its end, and none of what is empty.
pub(super) fn expect_none(request: &Request<'_>) -> Result<(), Reason> {
    if expect_grpc(request).is_ok() {
        return Err(Reason::ContentTypeWrong);
    }
    match (request.body, request.headers.content_length) {
        (Body::NotAttached, Field::Absent | Field::Once(b"0")) | (Body::Whole([]), _) => Ok(()),
        (Body::NotAttached | Body::Whole(_) | Body::CutOff | Body::Rewritten, _) => Err(Reason::BodyMalformed),
    }
}

/// RFC 9110 section 8.3.1: type and subtype are case-insensitive. RFC 8259 section 8.1: JSON is
/// UTF-8, so another charset would have it read otherwise.
fn is_media_type(field: Field<'_>, expected: &str) -> bool {
    // A comma joins two headers, of which another reader may take the other.
    let Field::Once(value) = field else { return false };
    if value.contains(&b',') {
        return false;
    }
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let matches = parts.next().is_some_and(|found| found.eq_ignore_ascii_case(expected.as_bytes()));
    matches
        && parts.all(|parameter| {
            let lower = parameter.to_ascii_lowercase();
            !lower.starts_with(b"charset") || matches!(lower.as_slice(), b"charset=utf-8" | b"charset=\"utf-8\"")
        })
}

/// gRPC over HTTP/2: `application/grpc`, alone or with the name of its encoding behind a `+`.
pub(super) fn expect_grpc(request: &Request<'_>) -> Result<(), Reason> {
    let Field::Once(value) = request.headers.content_type else { return Err(Reason::ContentTypeWrong) };
    match value.strip_prefix(b"application/grpc") {
        Some([] | [b'+', ..]) => Ok(()),
        Some(_) | None => Err(Reason::ContentTypeWrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_compared_without_case_and_its_charset_is_utf_8() {
        let is = |value: &str| is_media_type(Field::Once(value.as_bytes()), JSON);
        for value in ["application/json", "Application/JSON", "application/json; charset=UTF-8", "application/json;x=y"]
        {
            assert!(is(value), "{value}");
        }
        for value in [
            "",
            "text/json",
            "application/json5",
            "application/json; charset=utf-16",
            "application/jsonx;",
            "application/json;a=b,text/plain",
        ] {
            assert!(!is(value), "{value}");
        }
        assert!(!is_media_type(Field::Absent, JSON));
        assert!(!is_media_type(Field::Repeated, JSON));
    }
}
