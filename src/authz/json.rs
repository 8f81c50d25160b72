//! JSON as a document that decides must be read: one value, no member twice.
//!
//! RFC 7519 section 4 lets a reader keep the last of two members of one name; two readers that
//! keep different ones can be played against each other, so a repeated name refuses the document
//! at every level. `serde_json` bounds the nesting (128) and refuses trailing bytes.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A JSON object without repeated members, at any depth.
pub type Object = Map<String, Value>;

/// Reads `bytes` (UTF-8) as one JSON value in which no object names a member twice.
///
/// # Errors
/// Whatever `serde_json` finds wrong, a repeated member, or bytes after the value.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    read(bytes, Strict { variants: true })
}

/// As `parse`, for what another program will read after us, perhaps taking one name for another: no
/// two members of an object differ only in letter case, `_` and `-`.
///
/// # Errors
/// As `parse`, or two such members.
pub(super) fn parse_unmistakable(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    read(bytes, Strict { variants: false })
}

fn read(bytes: &[u8], strict: Strict) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Whether some reader takes one for the other: Go's `encoding/json` does not tell letter cases apart,
/// by Unicode (to it, `ſ` is an `s`), and Protobuf's JSON takes `task_id` for `taskId`.
pub(super) fn same_folded(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// `name` without letter case, `_` and `-`.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-'));
    if name.is_ascii() {
        letters.map(|c| c.to_ascii_lowercase()).collect()
    } else {
        letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    }
}

/// Whether folding changes `name`.
fn folds(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-') || !byte.is_ascii())
}

/// As `parse`, for a document that must be an object.
///
/// # Errors
/// As `parse`, or a value of another kind.
pub fn parse_object(bytes: &[u8]) -> Result<Object, serde_json::Error> {
    match parse(bytes)? {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(serde_json::Error::custom("expected an object"))
        }
    }
}

#[derive(Clone, Copy)]
struct Strict {
    /// Members may differ in letter case alone.
    variants: bool,
}

/// The member names of one object, folded. Empty as long as each is its own folded form, as such
/// names need no second look.
#[derive(Default)]
struct Folded(HashSet<String>);

impl Folded {
    /// Whether `name` is new, too, beside the names of `object`.
    fn insert(&mut self, name: &str, object: &Object) -> bool {
        if self.0.is_empty() {
            if !folds(name) {
                return true;
            }
            self.0 = object.keys().map(|name| folded(name)).collect();
        }
        self.0.insert(folded(name))
    }
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
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Object::new();
        let mut names = Folded::default();
        while let Some(name) = map.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom("a member is named twice"));
            }
            if !self.variants && !names.insert(&name, &object) {
                return Err(A::Error::custom("two members may be taken for each other"));
            }
            let value = map.next_value_seed(self)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_named_twice_is_refused_at_every_level() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":{"a":1,"a":2}}"#, r#"[[{"a":{},"a":{}}]]"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn one_value_and_nothing_after_it() {
        for text in ["", "{}{}", "{} x", "[1,]", "NaN", "{\"a\":1e999}", "\u{feff}{}", "// c\n{}"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&[b'"', 0xff, b'"']).is_err());
        assert!(parse(b" {\"a\": [1, -2, 0.5, null, true, \"s\"]} ").is_ok());
    }

    #[test]
    fn members_that_may_be_taken_for_each_other_are_refused_where_another_program_reads_too() {
        for text in [
            r#"{"name":1,"Name":2}"#,
            r#"{"Name":1,"name":2}"#,
            r#"{"a":1,"b":2,"NAME":1,"c":3,"nAme":2}"#,
            r#"{"x":[{"toolName":1,"toolname":2}]}"#,
            r#"{"taskId":1,"task_id":2}"#,
            r#"{"task_id":1,"x":1,"taskid":2}"#,
            r#"{"a":1,"task-id":1,"task_ID":2}"#,
            "{\"\u{17f}ub\":1,\"sub\":2}",
            "{\"\u{212a}ey\":1,\"key\":2}",
            r#"{"a":1,"a":2}"#,
        ] {
            assert!(parse_unmistakable(text.as_bytes()).is_err(), "{text}");
        }
        for text in [r#"{"name":1,"names":2,"tool_name":3,"toolName2":{"name":1}}"#, r#"[{"a":1},{"A":1}]"#] {
            assert!(parse_unmistakable(text.as_bytes()).is_ok(), "{text}");
        }
    }

    #[test]
    fn many_members_take_no_more_than_their_number() {
        let members: Vec<_> = (0..20_000).map(|at| format!("\"A{at}\":1")).collect();
        assert!(parse_unmistakable(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        assert!(parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn an_object_is_asked_for_by_name() {
        for text in ["[]", "1", "\"x\"", "null", "true"] {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
        }
    }
}
