//! Check 12: the person approved this very action (RFC 9396).
//!
//! An entry of `authorization_details` approves a call if it says what the call says and nothing
//! else. RFC 9396 section 2.2: the array's objects stand for themselves; values of one are never
//! combined with those of another.

use serde_json::Value;

use super::claims::Claims;
use super::json::Object;
use super::parameters::{Parameters, Source};
use super::reason::Reason;

/// What an entry must be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The `type` of the entry.
    pub kind: Box<str>,
    /// Members of the entry and the values of the call they must equal.
    pub fields: Vec<(Box<str>, Source)>,
}

/// The members of an entry that are not the operator's: RFC 9396 sections 2 and 2.2.
pub const RESERVED_FIELDS: [&str; 2] = ["type", "locations"];

impl Approval {
    /// What is to be approved: the entry that would let this call pass at the service `audience`.
    ///
    /// # Errors
    /// The call lacks a value that the approval is about.
    pub(super) fn wanted(&self, audience: &str, parameters: Parameters<'_>) -> Result<Object, Reason> {
        let mut entry = Object::new();
        entry.insert("type".to_owned(), Value::String(self.kind.as_ref().to_owned()));
        entry.insert("locations".to_owned(), Value::Array(vec![Value::String(audience.to_owned())]));
        for (field, source) in &self.fields {
            let value = parameters.scalar(source).ok_or(Reason::ArgumentInvalid)?;
            entry.insert(field.as_ref().to_owned(), value);
        }
        Ok(entry)
    }
}

/// Whether one entry of the token approves what `wanted` says, at a service with these `audiences`.
pub(super) fn check(wanted: &Object, audiences: &[Box<str>], claims: &Claims) -> Result<(), Reason> {
    let entries = claims.authorization_details.as_slice();
    entries.iter().any(|entry| approves(entry, wanted, audiences)).then_some(()).ok_or(Reason::ApprovalMissing)
}

/// A member that is not asked for narrows the entry in a way that can't be judged here, so it must
/// not be there. Only `locations` may be left out: the token's audience says the same.
fn approves(entry: &Object, wanted: &Object, audiences: &[Box<str>]) -> bool {
    let asked = wanted.iter().filter(|(name, _)| *name != "locations");
    asked.clone().all(|(name, value)| entry.get(name) == Some(value))
        && match entry.get("locations") {
            None => entry.len() == asked.count(),
            Some(Value::Array(places)) => {
                entry.len() == wanted.len()
                    && places
                        .iter()
                        .filter_map(Value::as_str)
                        .any(|place| audiences.iter().any(|ours| ours.as_ref() == place))
            }
            Some(_) => false,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            other => unreachable!("{other}"),
        }
    }

    #[test]
    fn an_entry_approves_what_it_says_and_nothing_else() {
        let wanted = object(json!({"type": "refund", "locations": ["https://ours"], "invoice": "7", "amount": 950}));
        let audiences = ["https://ours".into(), "urn:alias".into()];
        let yes = [
            json!({"type": "refund", "invoice": "7", "amount": 950}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "locations": ["https://ours"]}),
            json!({"amount": 950, "type": "refund", "invoice": "7", "locations": ["https://other", "urn:alias"]}),
        ];
        let no = [
            json!({"type": "refund", "invoice": "7", "amount": 951}),
            json!({"type": "refund", "invoice": "7", "amount": "950"}),
            json!({"type": "refund", "invoice": 7, "amount": 950}),
            json!({"type": "refund", "invoice": "7"}),
            json!({"type": "refund", "amount": 950}),
            json!({"type": "Refund", "invoice": "7", "amount": 950}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "until": "noon"}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "locations": ["https://other"]}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "locations": []}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "locations": "https://ours"}),
            json!({"type": "refund", "invoice": "7", "amount": 950, "locations": null}),
            json!({"type": "refund", "invoice": ["7"], "amount": 950}),
        ];
        for entry in yes {
            assert!(approves(&object(entry.clone()), &wanted, &audiences), "{entry}");
        }
        for entry in no {
            assert!(!approves(&object(entry.clone()), &wanted, &audiences), "{entry}");
        }
    }
}
