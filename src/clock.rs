//! The system's clock, as the decision core counts time.

use std::time::SystemTime;

use crate::authz::UnixTime;

/// `time` in whole seconds since 1970; before it, negative.
#[must_use]
pub fn unix(time: SystemTime) -> UnixTime {
    let epoch = UnixTime::from_secs(0);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => epoch.after(since),
        Err(before) => epoch.before(before.duration()),
    }
}

/// Now.
#[must_use]
pub fn now() -> UnixTime {
    unix(SystemTime::now())
}
