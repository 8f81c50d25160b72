//! What is to be decided, and what is otherwise.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::actual;
use crate::audit::Decided;
use crate::authz::{Check, Reason};
use crate::config::close_to;
use crate::offline::Ruling;

/// What is said of a call beside the fields of its record.
const BESIDE: [&str; 6] = ["status", "headers", "challenge", "body", "upstream", "removed"];
/// What two runs never have in common.
const OF_A_RUN: [&str; 5] = ["time", "decision_id", "duration_us", "seq", "prev"];

/// Fields and their values, the decision and its reason first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected(Vec<(String, Value)>);

/// Faults found in an expectation: where in it, and what.
type Found = Vec<(String, String)>;

impl Expected {
    /// Allowed, and nothing would have refused it.
    #[must_use]
    pub fn allow() -> Self {
        Self(vec![("decision".to_owned(), json!("allow")), ("would_deny".to_owned(), json!([]))])
    }

    /// Reads what is written; `fields` are those of a record.
    ///
    /// # Errors
    /// Every fault: unknown fields, checks and reasons, and what leaves open what is to be decided.
    pub(super) fn read(written: &Value, fields: &BTreeSet<String>) -> Result<Self, Found> {
        match written {
            Value::String(word) => Self::of_word(word),
            Value::Object(members) => Self::of_members(members, fields),
            _ => Err(vec![(String::new(), "expected `allow`, a reason or fields with their values".to_owned())]),
        }
    }

    fn of_word(word: &str) -> Result<Self, Found> {
        match word {
            "allow" => Ok(Self::allow()),
            "answer" => Ok(Self(vec![("decision".to_owned(), json!("answer"))])),
            "deny" => Err(vec![(String::new(), UNSAID.to_owned())]),
            reason => match unknown_reason(reason) {
                None => Ok(Self::refused(reason)),
                Some(fault) => Err(vec![(String::new(), fault)]),
            },
        }
    }

    fn refused(reason: &str) -> Self {
        Self(vec![("decision".to_owned(), json!("deny")), ("reason".to_owned(), json!(reason))])
    }

    fn of_members(members: &Map<String, Value>, fields: &BTreeSet<String>) -> Result<Self, Found> {
        let mut found = Found::new();
        for (name, value) in members {
            found.extend(fault_of(name, value, fields).map(|fault| (name.clone(), fault)));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let mut expected = match (text("decision"), text("reason")) {
            (Some("deny") | None, Some(reason)) => Self::refused(reason),
            (Some("deny"), None) => {
                found.push(("decision".to_owned(), UNSAID.to_owned()));
                Self::allow()
            }
            (Some("answer"), None) => Self(vec![("decision".to_owned(), json!("answer"))]),
            (Some("allow" | "answer"), Some(_)) => {
                found.push(("reason".to_owned(), "only what is refused has a reason".to_owned()));
                Self::allow()
            }
            // `allow`, or a fault that was found above.
            (Some(_), _) => Self::allow(),
            (None, None) => {
                found.push((String::new(), "neither `decision` nor `reason` is there: what is expected?".to_owned()));
                Self::allow()
            }
        };
        if let (Some(reason), Some(check)) = (text("reason").and_then(reason_of), text("check"))
            && reason.check().name() != check
        {
            found.push(("check".to_owned(), format!("`{reason}` is a reason of `{}`", reason.check())));
        }
        for (name, value) in members {
            match expected.0.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1 = value.clone(),
                None => expected.0.push((name.clone(), value.clone())),
            }
        }
        if found.is_empty() { Ok(expected) } else { Err(found) }
    }

    /// Both sides as text, one line a value; `None` where nothing is otherwise.
    #[must_use]
    pub(super) fn differences(&self, ruling: &Ruling) -> Option<(String, String)> {
        let actual = actual::Actual::of(ruling);
        let (mut wanted, mut found, mut differ) = (String::new(), String::new(), false);
        for (name, value) in &self.0 {
            let real = actual.of_field(name, value);
            differ |= !same(value, &real);
            actual::write(&mut wanted, name, value);
            actual::write(&mut found, name, &real);
        }
        // Why it was refused is what is asked first.
        if let (true, Decided::Refused(reason)) = (differ, ruling.decided)
            && !self.0.iter().any(|(name, _)| name == "reason")
        {
            actual::write(&mut found, "reason", &json!(reason.code()));
        }
        differ.then_some((wanted, found))
    }
}

const UNSAID: &str = "a refusal is expected for a reason: write its code, as `hopgate explain` shows it, and not `deny` \
                      alone";

/// Numbers are the same by their value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

fn fault_of(name: &str, value: &Value, fields: &BTreeSet<String>) -> Option<String> {
    if OF_A_RUN.contains(&name) {
        return Some("is another in each run".to_owned());
    }
    let known = fields.contains(name) || BESIDE.contains(&name);
    if !known {
        let names: Vec<&str> = fields.iter().map(String::as_str).chain(BESIDE).collect();
        return Some(format!("unknown field `{name}`, none of a decision record{}", close_to(name, &names)));
    }
    let texts = || value.as_array().into_iter().flatten().map(|item| item.as_str().unwrap_or_default());
    match name {
        "decision" => match value.as_str() {
            Some("allow" | "deny" | "answer") => None,
            _ => Some(format!("found {value}, expected `allow`, `deny` or `answer`")),
        },
        "reason" => value.as_str().map_or(Some(format!("found {value}, expected a reason code")), unknown_reason),
        "check" => unknown_check(value.as_str().unwrap_or_default()),
        "would_deny" if value.is_array() => texts().find_map(unknown_reason),
        "passed" | "not_asked" if value.is_array() => texts().find_map(unknown_check),
        "would_deny" | "passed" | "not_asked" | "removed" if !value.is_array() => {
            Some(format!("found {value}, expected a list"))
        }
        _ if value.as_object().is_some_and(Map::is_empty) => Some("names nothing to compare".to_owned()),
        "removed" if value.as_array().is_some_and(Vec::is_empty) => Some("names no header".to_owned()),
        "status" if !value.is_u64() => Some(format!("found {value}, expected an HTTP status")),
        "headers" | "challenge" | "upstream" if !value.is_object() => {
            Some("expected names with their values".to_owned())
        }
        _ => None,
    }
}

fn reason_of(code: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.code() == code)
}

fn unknown_reason(code: &str) -> Option<String> {
    let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    (!codes.contains(&code)).then(|| format!("no reason is called `{code}`{}", close_to(code, &codes)))
}

fn unknown_check(name: &str) -> Option<String> {
    let names = Check::ALL.map(Check::name);
    (!names.contains(&name)).then(|| format!("no check is called `{name}`{}", close_to(name, &names)))
}
