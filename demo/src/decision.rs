//! A decision record as hopgate wrote it: one JSON line.

use serde_json::Value;

/// Actors of a chain that are shown; the line has all.
const SHOWN: usize = 4;

pub(crate) struct Decision {
    /// As written.
    pub(crate) line: String,
    record: Value,
}

impl Decision {
    pub(crate) fn parse(line: String) -> Result<Self, serde_json::Error> {
        let record = serde_json::from_str(&line)?;
        Ok(Self { line, record })
    }

    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.record.get(field).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, field: &str) -> Option<u64> {
        self.record.get(field).and_then(Value::as_u64)
    }

    pub(crate) fn list(&self, field: &str) -> Vec<&str> {
        list(&self.record, field)
    }

    /// `alice ← researcher ← planner`: the subject, the current actor, and the ones before it.
    pub(crate) fn who(&self) -> Option<String> {
        let verified = self.text("subject").is_some().then(|| who(&self.record));
        verified.or_else(|| self.record.get("claimed").map(|claimed| format!("unverified: {}", who(claimed))))
    }
}

fn who(identity: &Value) -> String {
    let subject = identity.get("subject").and_then(Value::as_str).unwrap_or("?").to_owned();
    let mut chain = list(identity, "actor_chain");
    if chain.len() > SHOWN {
        chain.truncate(SHOWN);
        chain.push("…");
    }
    chain.into_iter().fold(subject, |text, actor| text + " ← " + actor)
}

fn list<'a>(value: &'a Value, field: &str) -> Vec<&'a str> {
    value.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
