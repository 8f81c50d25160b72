//! Where in a file each value stands.

use std::collections::HashMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::faults::Fault;

/// How the message of a fault begins that is about a field nobody knows; its name and a backtick follow.
pub(super) const UNKNOWN_FIELD: &str = "unknown field `";

/// `faults` of `text`, each with its line.
pub(crate) fn placed(text: &str, mut faults: Vec<Fault>) -> Vec<Fault> {
    Lines::of(text).place(&mut faults);
    faults
}

/// The line of each value, by its path as faults write it: `cases[2].expect.reason`.
#[derive(Debug, Default)]
pub(crate) struct Lines(HashMap<String, u64>);

impl Lines {
    /// Nothing where `text` is no YAML: that fault tells its own line.
    pub(crate) fn of(text: &str) -> Self {
        let mut lines = Self::default();
        if let Ok(node) = serde_saphyr::from_str::<Spanned<Node>>(text) {
            lines.add(String::new(), &node);
        }
        lines
    }

    /// The line of what stands at `path`, or of the closest thing around it.
    pub(crate) fn at(&self, path: &str) -> Option<u64> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = path.rfind(['.', '[']).and_then(|end| path.get(..end))?;
        }
    }

    /// Says of each fault where it is.
    pub(crate) fn place(&self, faults: &mut [Fault]) {
        for fault in faults {
            // An unknown field stands inside of what does not know it.
            let inner = fault.message.strip_prefix(UNKNOWN_FIELD).and_then(|rest| rest.split('`').next());
            let dot = if fault.path.is_empty() { "" } else { "." };
            let inner = inner.map(|name| format!("{}{dot}{name}", fault.path));
            fault.line = inner.and_then(|path| self.at(&path)).or_else(|| self.at(&fault.path)).or_else(|| self.at(""));
        }
    }

    fn add(&mut self, path: String, node: &Spanned<Node>) {
        let within = if path.is_empty() { String::new() } else { format!("{path}.") };
        match &node.value {
            Node::Leaf => {}
            Node::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.add(format!("{path}[{at}]"), item);
                }
            }
            Node::Map(members) => {
                for (name, member) in members {
                    self.add(format!("{within}{}", name.value), member);
                    // A member is looked for where its name stands: its value may begin further down.
                    self.0.insert(format!("{within}{}", name.value), name.referenced.line());
                }
            }
        }
        self.0.insert(path, node.referenced.line());
    }
}

/// The outline of a document.
enum Node {
    Leaf,
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Outline)
    }
}

struct Outline;

impl<'de> Visitor<'de> for Outline {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut found = Vec::new();
        while let Some(item) = items.next_element()? {
            found.push(item);
        }
        Ok(Node::List(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut found = Vec::new();
        while let Some(name) = members.next_key()? {
            found.push((name, members.next_value()?));
        }
        Ok(Node::Map(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_by_its_path() {
        let text = "at: now\ncases:\n  - name: one\n    expect:\n      reason: x\n  - &two\n    name: two\n    list: [1,\n      2]\n  - *two\n";
        let lines = Lines::of(text);
        for (path, line) in [
            ("", 1),
            ("cases", 2),
            ("cases[0].name", 3),
            ("cases[0].expect", 4),
            ("cases[0].expect.reason", 5),
            ("cases[0].expect.nothing", 4),
            ("cases[1].list[1]", 9),
            ("cases[2]", 10),
            ("nowhere.at.all", 1),
        ] {
            assert_eq!(lines.at(path).or(lines.at("")), Some(line), "{path}");
        }
    }
}
