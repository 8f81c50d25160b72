//! The `audit` section of the configuration.

use std::time::Duration;

use super::faults::Faults;
use super::files::Files;
use super::settings::{AuditSettings, CheckpointSettings};
use super::written;
use crate::audit::CheckpointKey;

const LONGEST_EVERY: Duration = Duration::from_hours(24);

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
