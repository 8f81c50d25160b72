//! A file as documents of plain values: JSON, or YAML of one document or several.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::finding::Fault;
use super::node::Node;

/// One document of a file, and what could not be read in it.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: String,
    /// Counted from 1; none where the file has only one.
    pub(super) number: Option<usize>,
    root: Value,
    faults: RefCell<Vec<Fault>>,
}

impl Document {
    pub(super) fn root(&self) -> Node<'_> {
        Node::root(self, &self.root)
    }

    /// Notes that `path` holds what Envoy would refuse, or what only a newer reader understands.
    pub(super) fn misread(&self, path: &str, message: impl fmt::Display) {
        let fault = self.fault(path, message);
        let mut faults = self.faults.borrow_mut();
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }

    pub(super) fn fault(&self, path: &str, message: impl fmt::Display) -> Fault {
        Fault { file: self.file.clone(), document: self.number, path: path.to_owned(), message: message.to_string() }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }
}

/// Reads `text` of `file`.
///
/// # Errors
/// Where it is neither JSON nor YAML, names a member twice, or holds nothing.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Document>, Fault> {
    let fault = |message: String| Fault { file: file.to_owned(), document: None, path: String::new(), message };
    // A dump of a large mesh is JSON of many megabytes, which the YAML reader would take for an attack.
    let values = match serde_json::from_str::<Strict>(text) {
        Ok(value) => vec![value],
        Err(json) => {
            let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
            serde_saphyr::from_multiple_with_options::<Strict>(text, options).map_err(|yaml| {
                let looks_like_json = text.trim_start().starts_with(['{', '[']);
                let error = if looks_like_json { json.to_string() } else { yaml.to_string() };
                fault(format!("neither JSON nor YAML that can be read: {error}"))
            })?
        }
    };
    if values.is_empty() {
        return Err(fault("the file is empty".to_owned()));
    }
    let several = values.len() > 1;
    let document = |(at, Strict(root)): (usize, Strict)| Document {
        file: file.to_owned(),
        number: several.then(|| at.saturating_add(1)),
        root,
        faults: RefCell::default(),
    };
    Ok(values.into_iter().enumerate().map(document).collect())
}

/// A value in which no member is named twice: readers differ on which of the two counts.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Name(name), Strict(value))) = members.next_entry()? {
            if map.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format_args!("`{name}` is there twice")));
            }
        }
        Ok(Value::Object(map))
    }
}

/// The name of a member: YAML's may be a number, as Envoy's ports are in no place that counts here.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}
