//! Times relative to the one at which a case is decided.

use std::time::Duration;

use serde_json::{Value, json};

use crate::authz::UnixTime;

/// The claims that hold an instant.
const INSTANTS: [&str; 4] = ["exp", "nbf", "iat", "auth_time"];

/// A written instant, or `None` where `text` is none of `now`, `in 5m` and `5m ago`.
fn relative(text: &str, now: UnixTime) -> Option<UnixTime> {
    if text == "now" {
        return Some(now);
    }
    let span = |text: &str| humantime::parse_duration(text).ok();
    match (text.strip_prefix("in "), text.strip_suffix(" ago")) {
        (Some(ahead), None) => Some(now.after(span(ahead)?)),
        (None, Some(ago)) => Some(now.before(span(ago)?)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// The value of the claim `name` as a token has it: an instant in seconds since 1970, anything else as it is.
pub(super) fn resolved(name: &str, value: &Value, now: UnixTime) -> Value {
    match value {
        Value::String(text) if INSTANTS.contains(&name) => {
            relative(text, now).map_or_else(|| value.clone(), |at| json!(at.as_secs()))
        }
        _ => value.clone(),
    }
}

/// What is wrong with the claim, if it looks like a relative time and is none.
pub(super) fn fault(name: &str, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|_| INSTANTS.contains(&name))?;
    let meant = text.starts_with("in ") || text.ends_with(" ago");
    let good = relative(text, UnixTime::from_secs(0)).is_some();
    (meant && !good).then(|| format!("found `{text}`, expected a time such as `now`, `in 5m` or `1h 30m ago`"))
}

/// The instant of a token that is good for `span` from `now` on.
pub(super) fn ahead(now: UnixTime, span: Duration) -> Value {
    json!(now.after(span).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_and_everything_else_stays() {
        let now = UnixTime::from_secs(1000);
        for (name, written, expected) in [
            ("exp", json!("in 5m"), json!(1300)),
            ("iat", json!("1m 40s ago"), json!(900)),
            ("nbf", json!("now"), json!(1000)),
            ("exp", json!("1300"), json!("1300")),
            ("exp", json!(7), json!(7)),
            ("sub", json!("now"), json!("now")),
            ("exp", json!(null), json!(null)),
        ] {
            assert_eq!(resolved(name, &written, now), expected, "{name}: {written}");
        }
        assert!(fault("exp", &json!("in five minutes")).is_some());
        assert!(fault("exp", &json!("in 5m")).is_none());
        assert!(fault("note", &json!("in five minutes")).is_none());
    }
}
