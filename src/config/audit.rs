//! The `audit` section of the configuration.

use std::time::Duration;

use super::faults::Faults;
use super::files::Files;
use super::settings::{AuditSettings, CheckpointSettings};
use super::written;
use crate::audit::{CheckpointKey, HashKey, Redactable, Redaction};

const LONGEST_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the writer needs.
pub(super) fn build(written: &written::Audit, files: &mut Files<'_>, faults: &mut Faults) -> Option<AuditSettings> {
    let checkpoint = written.checkpoint.as_ref().map(|written| checkpoint(written, files, faults));
    Some(AuditSettings {
        queue: usize::try_from(written.queue).ok()?,
        state_file: written.state_file.as_ref().map(|file| files.path_of(file)),
        checkpoint: match checkpoint {
            Some(checkpoint) => Some(checkpoint?),
            None => None,
        },
    })
}

fn checkpoint(written: &written::Checkpoint, files: &mut Files<'_>, faults: &mut Faults) -> Option<CheckpointSettings> {
    let every = written.every.0;
    // Whole seconds, because a checkpoint says so.
    if every < Duration::from_secs(1) || every > LONGEST_EVERY || every.subsec_nanos() > 0 {
        faults.add("audit.checkpoint.every", "must be from 1s to 24h, in whole seconds");
    }
    let path = "audit.checkpoint.key_file";
    let pem = files.read(&written.key_file, path, faults)?;
    let key = CheckpointKey::from_pem(&pem);
    let key = key.map_err(|error| faults.add(path, format_args!("`{}` {error}", written.key_file))).ok()?;
    Some(CheckpointSettings { key, every })
}

/// What of a decision is written down.
pub(super) fn redaction(
    written: &written::Audit,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Redaction {
    let written::Audit { hash, drop, hash_key_file, .. } = written;
    for (at, field) in hash.iter().enumerate() {
        let path = format!("audit.hash[{at}]");
        if *field == Redactable::AuthTime {
            faults.add(&path, format_args!("`{}` is a number: it can only be dropped", field.name()));
        }
        if drop.contains(field) {
            faults.add(&path, format_args!("`{}` is dropped as well", field.name()));
        }
    }
    let key = hash_key_file.as_ref().and_then(|file| key(file, files, faults));
    match (hash_key_file, hash.is_empty()) {
        (None, false) => faults.add("audit.hash_key_file", "is missing: without a secret, hashes are guessed"),
        (Some(_), true) => warnings.add("audit.hash_key_file", "is not used: nothing is in `hash`"),
        (None, true) | (Some(_), false) => {}
    }
    Redaction::new(hash, drop, key)
}

fn key(file: &str, files: &mut Files<'_>, faults: &mut Faults) -> Option<HashKey> {
    let path = "audit.hash_key_file";
    let secret = files.read(file, path, faults)?;
    HashKey::new(&secret).map_err(|error| faults.add(path, error)).ok()
}
