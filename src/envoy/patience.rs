//! How long a check may take: what Envoy gives up on is no longer ours to decide.

use std::time::{Duration, Instant};

use http::HeaderMap;

/// When a check came, and how long it may wait for its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    since: Instant,
    time: Duration,
}

impl Patience {
    /// Of a check that comes now and may take `time`.
    pub(super) fn of(time: Duration) -> Self {
        Self { since: Instant::now(), time }
    }

    /// Whether the check waited for so long that whoever asked may be gone before it is done.
    /// Under a flood of work the answer that costs nothing is the one that still arrives.
    pub(super) fn is_over(self) -> bool {
        self.since.elapsed() > self.time.mul_f64(0.5)
    }

    /// Whether all of the time is gone: the check was answered in its handler's place.
    pub(super) fn is_gone(self) -> bool {
        self.since.elapsed() >= self.time
    }
}

/// How long the answer may take: less than the caller waits (`grpc-timeout`, PROTOCOL-HTTP2: at
/// most eight digits and a unit), so that what it gets is our refusal.
pub(super) fn time_for(headers: &HeaderMap, deadline: Duration) -> Duration {
    let asked = headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let amount = Some(digits).filter(|digits| digits.len() <= 8)?.parse::<u64>().ok()?;
        match unit {
            "H" => amount.checked_mul(3600).map(Duration::from_secs),
            "M" => amount.checked_mul(60).map(Duration::from_secs),
            "S" => Some(Duration::from_secs(amount)),
            "m" => Some(Duration::from_millis(amount)),
            "u" => Some(Duration::from_micros(amount)),
            "n" => Some(Duration::from_nanos(amount)),
            _ => None,
        }
    });
    asked.map_or(deadline, |asked| asked.mul_f64(0.9).min(deadline))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_due_before_the_caller_stops_waiting_and_never_after_the_deadline() {
        let deadline = Duration::from_millis(150);
        for (asked, expected) in [
            ("100m", 90_000),
            ("200m", 150_000),
            ("1S", 150_000),
            ("50000u", 45_000),
            ("1n", 0),
            ("99999999H", 150_000),
            // Not of the grammar: as if nothing was said.
            ("123456789m", 150_000),
            ("m", 150_000),
            ("-5m", 150_000),
            ("5x", 150_000),
            ("", 150_000),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", asked.parse().expect("a value"));
            assert_eq!(time_for(&headers, deadline).as_micros(), expected, "{asked}");
        }
        assert_eq!(time_for(&HeaderMap::new(), deadline), deadline);
    }
}
