//! A file → cases that can be run, or every fault in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;

use super::case::Case;
use super::expect::Expected;
use super::fault::TableFault;
use super::known;
use super::written::{self, Expectation};
use crate::config::{Fault, Lines, Settings, yaml_document, yaml_faults};

/// The parts of a case that `defaults` may give.
const PARTS: [&str; 3] = ["request", "token", "proof"];
/// What a request has one of.
const BODIES: [&str; 4] = ["body", "json", "mcp", "a2a"];
/// Members whose values are the token's, the proof's or the record's own, so that `null` is one of them.
const MAY_BE_NULL: [&str; 6] = ["claims", "header", "repeat", "json", "expect", "then"];

/// Reads the table in `file`; `fields` are those of a record, and `now` is when cases without a time of their own are
/// decided.
///
/// # Errors
/// Every fault, and that there is no case.
pub(super) fn read(
    file: &Path,
    settings: &Settings,
    fields: &BTreeSet<String>,
    now: SystemTime,
) -> Result<Vec<Case>, Vec<TableFault>> {
    let in_file = |faults: Vec<Fault>| faults.into_iter().map(|fault| TableFault { file: file.to_owned(), fault });
    let alone = |message: String| in_file(vec![Fault::new("", message)]).collect::<Vec<_>>();
    let bytes = std::fs::read(file).map_err(|error| alone(format!("can't be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| alone("not UTF-8".to_owned()))?;
    let lines = Lines::of(&text);
    let with_lines = |mut faults: Vec<Fault>| {
        lines.place(&mut faults);
        faults.sort_by_key(|fault| fault.line);
        in_file(faults).collect::<Vec<_>>()
    };
    let table = structure(&text).map_err(with_lines)?;

    let mut faults = Vec::new();
    let at = instant_of(table.at.as_deref(), now, "at", &mut faults);
    let mut cases = Vec::new();
    let mut names = BTreeSet::new();
    for (index, written) in table.cases.into_iter().enumerate() {
        let path = format!("cases[{index}]");
        if !names.insert(written.name.clone()) {
            faults.push(Fault::new(format!("{path}.name"), format!("another case is called `{}`, too", written.name)));
        }
        let at = instant_of(written.at.as_deref(), at, &format!("{path}.at"), &mut faults);
        let expected = |name: &str, expectation: &Expectation, faults: &mut Vec<Fault>| {
            Expected::read(&expectation.0, fields).map_err(|found| {
                faults.extend(found.into_iter().map(|(inner, message)| {
                    let dot = if inner.is_empty() { "" } else { "." };
                    Fault::new(format!("{path}.{name}{dot}{inner}"), message)
                }));
            })
        };
        let expect = expected("expect", &written.expect, &mut faults);
        let then = written.then.as_ref().map(|then| expected("then", then, &mut faults)).transpose();
        if written.times.is_some() && written.then.is_none() {
            faults.push(Fault::new(format!("{path}.times"), "is about `then`, which is not there".to_owned()));
        }
        faults.extend(
            known::faults(&written, settings)
                .into_iter()
                .map(|(inner, message)| Fault::new(format!("{path}.{inner}"), message)),
        );
        if let (Ok(expect), Ok(then)) = (expect, then) {
            cases.push(Case {
                name: written.name,
                line: lines.at(&path),
                at,
                request: written.request,
                token: written.token,
                proof: written.proof,
                expect,
                then,
                times: written.times.unwrap_or(1),
            });
        }
    }
    if faults.is_empty() { Ok(cases) } else { Err(with_lines(faults)) }
}

fn instant_of(written: Option<&str>, otherwise: SystemTime, path: &str, faults: &mut Vec<Fault>) -> SystemTime {
    match written.map(humantime::parse_rfc3339_weak) {
        None => otherwise,
        Some(Ok(at)) => at,
        Some(Err(error)) => {
            faults.push(Fault::new(path, format!("expected a time such as `2026-11-24T12:00:00Z`: {error}")));
            otherwise
        }
    }
}

/// The table as written, with what its cases take from `defaults`.
fn structure(text: &str) -> Result<written::Table, Vec<Fault>> {
    let mut document = yaml_document(text)?;
    let mut faults = Vec::new();
    refuse_nulls(&document, "", &mut faults);
    let told: BTreeSet<String> = faults.iter().map(|fault| fault.path.clone()).collect();
    faults.extend(yaml_faults::<written::Table>(&document).into_iter().filter(|fault| !told.contains(&fault.path)));
    if !faults.is_empty() {
        return Err(faults);
    }
    let defaults = document.get("defaults").cloned().unwrap_or_default();
    for case in document.get_mut("cases").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(case) = case.as_object_mut() else { continue };
        for part in PARTS {
            if let Some(default) = defaults.get(part) {
                let own = case.remove(part);
                case.insert(part.to_owned(), laid_over(default, own));
            }
        }
    }
    // What a schema can't say is left to the types.
    serde_json::from_value(document).map_err(|error| vec![Fault::new("", error.to_string())])
}

/// `own` over `default`: field by field, and in a mapping such as `claims` name by name; no deeper, since an `act` is
/// one value.
fn laid_over(default: &Value, own: Option<Value>) -> Value {
    let mut whole = default.clone();
    let (Value::Object(fields), Some(Value::Object(own))) = (&mut whole, own) else { return whole };
    if BODIES.iter().any(|body| own.contains_key(*body)) {
        fields.retain(|name, _| !BODIES.contains(&name.as_str()));
    }
    for (name, value) in own {
        match (fields.get_mut(&name), value) {
            (Some(Value::Object(known)), Value::Object(members)) => known.extend(members),
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
    whole
}

/// A field without a value is one whose value was forgotten.
fn refuse_nulls(value: &Value, path: &str, faults: &mut Vec<Fault>) {
    match value {
        Value::Null => faults.push(Fault::new(path, "found nothing: write a value, or remove the field".to_owned())),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                refuse_nulls(item, &format!("{path}[{at}]"), faults);
            }
        }
        Value::Object(members) => {
            for (name, member) in
                members.iter().filter(|(name, value)| !MAY_BE_NULL.contains(&name.as_str()) || value.is_null())
            {
                let dot = if path.is_empty() { "" } else { "." };
                refuse_nulls(member, &format!("{path}{dot}{name}"), faults);
            }
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
