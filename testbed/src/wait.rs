use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Long enough not to steal the two cores from what we wait for, short beside any start-up.
const PAUSE: Duration = Duration::from_millis(5);

/// Asks `attempt` again until it gives `Ok(Ok(value))`, at most `within`.
///
/// The inner error is what was seen instead, shown on time-out. An outer `Err` ends the wait at once.
pub(crate) fn until<T>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> Result<Result<T, String>, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    loop {
        let last = match attempt()? {
            Ok(value) => return Ok(value),
            Err(last) => last,
        };
        if started.elapsed() >= within {
            return Err(Error::TimedOut { what: what.to_owned(), waited: within, last });
        }
        thread::sleep(PAUSE);
    }
}
