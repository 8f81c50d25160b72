//! What was decided, in the shape of what was expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::audit::clean;
use crate::offline::{Answer, Ruling};

/// Everything that an expectation can name.
pub(super) struct Actual<'a> {
    record: Value,
    answer: &'a Answer,
}

impl<'a> Actual<'a> {
    pub(super) fn of(ruling: &'a Ruling) -> Self {
        Self { record: serde_json::from_str(&ruling.record).unwrap_or_default(), answer: &ruling.answer }
    }

    /// The value of the field `name`; of a mapping only what `expected` names.
    pub(super) fn of_field(&self, name: &str, expected: &Value) -> Value {
        match (name, self.answer) {
            ("status", Answer::ToCaller { status, .. }) => json!(status),
            ("headers", Answer::ToCaller { headers, .. }) => named(headers, expected),
            ("upstream", Answer::ToService { set, .. }) => named(set, expected),
            ("removed", Answer::ToService { removed, .. }) => {
                let wanted = expected.as_array().into_iter().flatten();
                let is =
                    |name: &Value, removed: &str| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(removed));
                let there = |name: &&Value| removed.iter().any(|removed| is(name, removed));
                Value::Array(wanted.filter(there).cloned().collect())
            }
            ("challenge", Answer::ToCaller { headers, .. }) => challenge(headers, expected),
            ("body", Answer::ToCaller { body, .. }) => match expected {
                Value::Object(_) => serde_json::from_str(body).map_or(Value::Null, |body| only(&body, expected)),
                _ => json!(body),
            },
            ("status" | "headers" | "challenge" | "body", Answer::ToService { .. })
            | ("upstream" | "removed", Answer::ToCaller { .. }) => Value::Null,
            _ => only(self.record.get(name).unwrap_or(&Value::Null), expected),
        }
    }
}

/// Of a mapping the members that `expected` names, at any depth.
fn only(value: &Value, expected: &Value) -> Value {
    match (value, expected) {
        (Value::Object(members), Value::Object(wanted)) => wanted
            .iter()
            .map(|(name, wanted)| (name.clone(), members.get(name).map_or(Value::Null, |value| only(value, wanted))))
            .collect(),
        _ => value.clone(),
    }
}

/// The headers that `expected` names: a text, a list of several, nothing.
fn named(headers: &[(String, String)], expected: &Value) -> Value {
    let wanted = expected.as_object().into_iter().flatten();
    let of = |name: &str| {
        let mut values: Vec<Value> =
            headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| json!(value)).collect();
        match values.len() {
            0 => Value::Null,
            1 => values.remove(0),
            _ => Value::Array(values),
        }
    };
    wanted.map(|(name, _)| (name.clone(), of(name))).collect()
}

/// Of the challenge of the expected `scheme`, or else of the first, the parameters that `expected` names.
fn challenge(headers: &[(String, String)], expected: &Value) -> Value {
    let challenges: Vec<_> =
        headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| parameters(value)).collect();
    let scheme = expected.get("scheme").and_then(Value::as_str);
    let fits = |found: &&BTreeMap<String, String>| {
        scheme.is_none_or(|scheme| found.get("scheme").map(String::as_str) == Some(scheme))
    };
    let Some(found) = challenges.iter().find(fits) else { return Value::Null };
    let wanted = expected.as_object().into_iter().flatten();
    wanted.map(|(name, _)| (name.clone(), found.get(name).map_or(Value::Null, |value| json!(value)))).collect()
}

/// The parameters of one challenge of ours, its scheme as `scheme`. Each value is a quoted string without quotes in it.
fn parameters(challenge: &str) -> BTreeMap<String, String> {
    let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
    let mut found = BTreeMap::from([("scheme".to_owned(), scheme.to_owned())]);
    let mut rest = rest;
    while let Some((name, behind)) = rest.split_once("=\"") {
        let (value, behind) = behind.split_once('"').unwrap_or((behind, ""));
        found.insert(name.trim_matches([',', ' ']).to_owned(), value.to_owned());
        rest = behind;
    }
    found
}

/// Writes `name: value` as lines that can be compared one by one.
pub(super) fn write(text: &mut String, name: &str, value: &Value) {
    lines(text, "", name, value);
}

fn lines(text: &mut String, indent: &str, name: &str, value: &Value) {
    let name = clean(name);
    // Writing to a `String` can't fail.
    match value {
        Value::Array(items) if !items.is_empty() => {
            let _ = writeln!(text, "{indent}{name}:");
            for item in items {
                let _ = writeln!(text, "{indent}  - {}", plain(item));
            }
        }
        Value::Object(members) if !members.is_empty() => {
            let _ = writeln!(text, "{indent}{name}:");
            for (name, value) in sorted(members) {
                lines(text, &format!("{indent}  "), name, value);
            }
        }
        _ => {
            let _ = writeln!(text, "{indent}{name}: {}", plain(value));
        }
    }
}

/// Whether a `Map` keeps the order it was written in is up to what else is built.
fn sorted(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    members.iter().collect::<BTreeMap<_, _>>().into_iter()
}

fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    clean(&text).into_owned()
}
