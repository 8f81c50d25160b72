//! The revocation list: a YAML file of its own, because it must work at once, and when the rest of
//! the configuration on disk does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use aws_lc_rs::digest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::faults::{Fault, Faults};
use super::files::read_bounded;
use super::lines::placed;
use super::parse::parse;
use crate::authz::{Revocation, Revocations, UnixTime};

/// The file, and what it holds.
#[derive(Clone, Debug)]
pub struct RevocationSettings {
    pub file: PathBuf,
    pub list: Arc<Revocations>,
}

/// A revocation list as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What is stopped; `[]` for nothing.
    revoked: Vec<Entry>,
}

/// A token that has everything that is written here is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Its `iss`.
    #[serde(default)]
    issuer: Option<String>,
    /// Its `jti`.
    #[serde(default)]
    jti: Option<String>,
    /// Its `sub`.
    #[serde(default)]
    subject: Option<String>,
    /// An actor anywhere in its chain, by its `act.sub` or its agent's `id`, or its `client_id`.
    #[serde(default)]
    actor: Option<String>,
    /// Its `client_id`.
    #[serde(default)]
    client: Option<String>,
    /// It was issued before this time (RFC 3339), or does not say when.
    #[serde(default)]
    issued_before: Option<String>,
    /// Why, for whoever reads the file.
    #[serde(default)]
    #[expect(dead_code, reason = "for people")]
    note: Option<String>,
}

/// Reads the list in `file`.
///
/// # Errors
/// Every fault found in it.
pub fn load_revocations(file: &Path) -> Result<Revocations, Vec<Fault>> {
    let fault = |message: String| vec![Fault::new("", message)];
    let bytes = read_bounded(file).map_err(|error| fault(format!("can't read `{}`: {error}", file.display())))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| fault("not UTF-8".to_owned()))?;
    let entries = entries(text).map_err(|faults| placed(text, faults))?;
    let digest = digest::digest(&digest::SHA256, &bytes);
    Ok(Revocations::new(crate::audit::hex(digest.as_ref().get(..6).unwrap_or_default()).into(), entries))
}

fn entries(text: &str) -> Result<Vec<Revocation>, Vec<Fault>> {
    let written: Written = parse(text)?;
    let mut faults = Faults::default();
    let entries = written
        .revoked
        .iter()
        .enumerate()
        .map(|(at, entry)| one(entry, &format!("revoked[{at}]"), &mut faults))
        .collect();
    if faults.is_empty() { Ok(entries) } else { Err(faults.into_vec()) }
}

fn one(entry: &Entry, path: &str, faults: &mut Faults) -> Revocation {
    let names = [&entry.issuer, &entry.jti, &entry.subject, &entry.actor, &entry.client];
    if names.iter().all(|name| name.is_none()) && entry.issued_before.is_none() {
        faults.add(
            path,
            "expected one of `issuer`, `jti`, `subject`, `actor`, `client`, `issued_before`: it would stop everything",
        );
    }
    if names.into_iter().flatten().any(String::is_empty) {
        faults.add(path, "a name must not be empty");
    }
    let name = |name: &Option<String>| name.as_deref().map(Into::into);
    Revocation {
        issuer: name(&entry.issuer),
        token_id: name(&entry.jti),
        subject: name(&entry.subject),
        actor: name(&entry.actor),
        client_id: name(&entry.client),
        issued_before: entry.issued_before.as_ref().and_then(|text| instant(text, path, faults)),
    }
}

/// The first whole second at or after `text`.
fn instant(text: &str, path: &str, faults: &mut Faults) -> Option<UnixTime> {
    let instant = humantime::parse_rfc3339(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let secs =
        instant.and_then(|since| i64::try_from(since.as_secs()).ok()?.checked_add((since.subsec_nanos() > 0).into()));
    if secs.is_none() {
        faults.add(
            format_args!("{path}.issued_before"),
            format_args!("found `{text}`, expected a time such as `2026-11-24T12:00:00Z`"),
        );
    }
    secs.map(UnixTime::from_secs)
}
