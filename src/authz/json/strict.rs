//! The reader behind `parse`: every value is looked at, and what is wanted is kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::Object;
use super::names::Names;

/// What of a value is kept.
#[derive(Debug)]
pub(in super::super) enum Keep {
    All,
    /// Of an object: all member names, the values of these.
    Only(&'static [(&'static str, Keep)]),
    /// The kind of value.
    Nothing,
}

impl Keep {
    fn of(&self, name: &str) -> &Self {
        match self {
            Self::All => &Self::All,
            Self::Nothing => &Self::Nothing,
            Self::Only(members) => {
                members.iter().find(|(known, _)| *known == name).map_or(&Self::Nothing, |(_, keep)| keep)
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Strict {
    /// Members may be taken for each other, if their names are not the same.
    pub(super) variants: bool,
    pub(super) keep: &'static Keep,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(match self.keep {
            Keep::All => value.to_owned(),
            Keep::Only(_) | Keep::Nothing => String::new(),
        }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        // What is kept of an object is not kept of those in a list.
        let (keep, kept) = match self.keep {
            Keep::All => (&Keep::All, true),
            Keep::Only(_) | Keep::Nothing => (&Keep::Nothing, false),
        };
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self { keep, ..self })? {
            if kept {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        let mut names = Names::default();
        while let Some(Member { name, keep }) = map.next_key_seed(MemberName { strict: self, names: &mut names })? {
            if name.as_ref().is_some_and(|name| self.variants && object.contains_key(name)) {
                return Err(A::Error::custom("a member is there twice"));
            }
            let value = map.next_value_seed(Self { keep, ..self })?;
            if let Some(name) = name {
                object.insert(name, value);
            }
        }
        if !names.are_distinct() {
            return Err(A::Error::custom("a member is there twice, or two may be taken for each other"));
        }
        Ok(Value::Object(object))
    }
}

/// To JavaScript that copies members it is where others are inherited from.
const PROTOTYPE: &str = "__proto__";

/// One member, before its value.
struct Member {
    /// `None` where nothing of the object is kept.
    name: Option<String>,
    keep: &'static Keep,
}

/// Reads a name without making a text of it that nobody keeps.
struct MemberName<'n> {
    strict: Strict,
    names: &'n mut Names,
}

impl<'de> DeserializeSeed<'de> for MemberName<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Member, E> {
        let Strict { variants, keep } = self.strict;
        // Where variants are allowed, everything is kept, and the object itself knows its names.
        if !variants {
            if name == PROTOTYPE {
                return Err(E::custom("a member that some readers inherit from"));
            }
            self.names.push(name);
        }
        let kept = !matches!(keep, Keep::Nothing);
        Ok(Member { name: kept.then(|| name.to_owned()), keep: keep.of(name) })
    }
}
