//! JSON as a document that decides must be read: one value, no member twice.
//!
//! RFC 7519 section 4 lets a reader keep the last of two members of one name; two readers that
//! keep different ones can be played against each other, so a repeated name refuses the document
//! at every level. `serde_json` bounds the nesting (128) and refuses trailing bytes.

mod names;
mod strict;

use serde::de::{DeserializeSeed as _, Error as _};
use serde_json::{Map, Value};

pub(super) use self::names::same_folded;
pub(super) use self::strict::Keep;
use self::strict::Strict;

/// A JSON object without repeated members, at any depth.
pub type Object = Map<String, Value>;

/// Reads `bytes` (UTF-8) as one JSON value in which no object names a member twice.
///
/// # Errors
/// Whatever `serde_json` finds wrong, a repeated member, or bytes after the value.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    read(bytes, Strict { variants: true, keep: &Keep::All })
}

/// As `parse`, for what another program will read after us, perhaps taking one name for another: no
/// two members of an object differ only in letter case, `_` and `-`. Of what is not to `keep`, only
/// the kind of value is left.
///
/// # Errors
/// As `parse`, or two such members.
pub(super) fn parse_unmistakable(bytes: &[u8], keep: &'static Keep) -> Result<Value, serde_json::Error> {
    read(bytes, Strict { variants: false, keep })
}

fn read(bytes: &[u8], strict: Strict) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
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
            r#"{"__proto__":{"a":1}}"#,
            "{\"\u{17f}ub\":1,\"sub\":2}",
            "{\"\u{212a}ey\":1,\"key\":2}",
            r#"{"a":1,"a":2}"#,
        ] {
            assert!(parse_unmistakable(text.as_bytes(), &Keep::All).is_err(), "{text}");
        }
        for text in [r#"{"name":1,"names":2,"tool_name":3,"toolName2":{"name":1}}"#, r#"[{"a":1},{"A":1}]"#] {
            assert!(parse_unmistakable(text.as_bytes(), &Keep::All).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_kept_is_checked_all_the_same_and_leaves_its_kind() {
        const KEEP: Keep = Keep::Only(&[("name", Keep::All), ("meta", Keep::Only(&[("v", Keep::All)]))]);
        let read = |text: &str| parse_unmistakable(text.as_bytes(), &KEEP).ok();
        let whole = r#"{"name":{"a":["b"]},"meta":{"v":"1","w":[2]},"text":"long","number":7,"list":[1],"object":{"x":1},"no":null}"#;
        let left =
            r#"{"name":{"a":["b"]},"meta":{"v":"1","w":[]},"text":"","number":7,"list":[],"object":{},"no":null}"#;
        assert_eq!(read(whole), serde_json::from_str(left).ok());
        for text in [r#"{"object":{"a":1,"A":2}}"#, r#"{"list":[{"a":1,"a":2}]}"#, r#"{"meta":{"w":{"a_b":1,"aB":2}}}"#]
        {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn many_members_take_no_more_than_their_number() {
        let members: Vec<_> = (0..20_000).map(|at| format!("\"A{at}\":1")).collect();
        assert!(parse_unmistakable(format!("{{{}}}", members.join(",")).as_bytes(), &Keep::Nothing).is_ok());
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
