//! YAML bytes to the configuration as written, or every structural fault at once.
//!
//! Serde stops at the first fault, so the document is first held against the same JSON Schema
//! that `hopgate schema` prints, which reports them all.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::faults::{Fault, Faults, close_to, dotted};
use super::lines::UNKNOWN_FIELD;
use super::written::Config;

/// The JSON Schema of the configuration file.
#[must_use]
pub fn schema() -> Schema {
    schema_for!(Config)
}

/// Reads `text` as a `T`.
///
/// # Errors
/// Every place where it is not one.
pub(crate) fn parse<T: DeserializeOwned + JsonSchema>(text: &str) -> Result<T, Vec<Fault>> {
    let document = document(text)?;
    let mut faults = Faults::default();
    refuse_nulls(&document, &mut String::new(), &mut faults);
    hold::<T>(&document, &mut faults);
    let faults = faults.into_vec();
    if !faults.is_empty() {
        return Err(faults);
    }
    // What a schema can't say (such as a number too large for its unit) is left to the types.
    serde_json::from_value(document).map_err(|error| vec![Fault::new("", error.to_string())])
}

/// Reads `text` as a plain value.
///
/// # Errors
/// It is no YAML, or has a name twice.
pub(crate) fn document(text: &str) -> Result<Value, Vec<Fault>> {
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| vec![Fault::new("", format!("not YAML that can be read: {error}"))])
}

/// Where `document` is no `T`, by its schema.
pub(crate) fn faults_in<T: JsonSchema>(document: &Value) -> Vec<Fault> {
    let mut faults = Faults::default();
    hold::<T>(document, &mut faults);
    faults.into_vec()
}

fn hold<T: JsonSchema>(document: &Value, faults: &mut Faults) {
    let schema = schema_for!(T).to_value();
    match jsonschema::validator_for(&schema) {
        Ok(validator) => validator.iter_errors(document).for_each(|error| report(&error, &schema, faults)),
        Err(error) => faults.add("", format_args!("the schema itself can't be used: {error}")),
    }
}

/// A field without a value (a list whose items are all commented out) reads as "not written", and
/// so would fall back to a default that may be wider than the empty list it looks like.
fn refuse_nulls(value: &Value, pointer: &mut String, faults: &mut Faults) {
    let mut within = |name: &str, value: &Value| {
        let len = pointer.len();
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        refuse_nulls(value, pointer, faults);
        pointer.truncate(len);
    };
    match value {
        Value::Null => {
            faults.add(dotted(pointer), "found nothing: write a value, `[]` for an empty list, or remove the field");
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| within(&at.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, member)| within(name, member)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn report(error: &ValidationError<'_>, schema: &Value, faults: &mut Faults) {
    let path = dotted(error.instance_path().as_str());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = fields_around(error, schema);
            for name in unexpected {
                faults.add(&path, format_args!("{UNKNOWN_FIELD}{name}`{}", close_to(name, &known)));
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            faults.add(&path, format_args!("field `{name}` is missing"));
        }
        ValidationErrorKind::Type { kind } => {
            let expected = match kind {
                jsonschema::error::TypeKind::Single(one) => one.to_string(),
                jsonschema::error::TypeKind::Multiple(set) => {
                    set.iter().map(|one| one.to_string()).filter(|one| one != "null").collect::<Vec<_>>().join(" or ")
                }
            };
            faults.add(path, format_args!("found {}, expected {expected}", shown(error.instance())));
        }
        ValidationErrorKind::Enum { options } => {
            faults.add(path, format_args!("found {}, expected one of {options}", shown(error.instance())));
        }
        ValidationErrorKind::Pattern { pattern } => {
            faults.add(path, format_args!("found {}, expected a match of {pattern}", shown(error.instance())));
        }
        ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MinLength { .. } => {
            faults.add(path, "must not be empty");
        }
        // An optional object: the branch that is not null tells what is wrong.
        ValidationErrorKind::AnyOf { context } => {
            context.first().into_iter().flatten().for_each(|inner| report(inner, schema, faults));
        }
        // The bounds of numbers; jsonschema's words name the value and the limit.
        _ => faults.add(path, error),
    }
}

/// The names of the fields that may stand where one does that may not.
fn fields_around<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Vec<&'a str> {
    let keyword = error.schema_path().as_str();
    let object = keyword.rsplit_once('/').and_then(|(object, _)| schema.pointer(object));
    let fields = object.and_then(|object| object.get("properties")?.as_object());
    fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

/// `value` as the operator wrote it, short.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("`{text}`"),
        Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}
