//! Time as the decision core knows it: handed in, in whole seconds.

use std::fmt;
use std::time::{Duration, SystemTime};

/// Seconds since 1970-01-01T00:00:00Z, as RFC 7519 section 2 counts them (`NumericDate`).
///
/// Arithmetic saturates: a claim far outside any calendar compares as far away, never wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// This instant moved later by `by`, whole seconds.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(secs(by)))
    }

    /// This instant moved earlier by `by`, whole seconds.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(secs(by)))
    }

    /// How long from `earlier` to this instant; zero if it lies before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self(secs(since)),
            Err(before) => Self(secs(before.duration()).saturating_neg()),
        }
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
