use std::io::{BufRead, BufReader, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The stdout of a service, shared between the thread that reads it and those who wait for a line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

pub(crate) enum Found {
    Line(String),
    Closed,
    Nothing { seen: usize, last: String },
}

impl Lines {
    pub(crate) fn fill(&self, stdout: impl Read) {
        for line in BufReader::new(stdout).split(b'\n') {
            let Ok(line) = line else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            self.lock().lines.push(line);
            self.changed.notify_all();
        }
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(crate) fn find(&self, within: Duration, mut wanted: impl FnMut(&str) -> bool) -> Found {
        let started = Instant::now();
        let mut state = self.lock();
        let mut seen = 0;
        loop {
            for line in state.lines.iter().skip(seen) {
                if wanted(line) {
                    return Found::Line(line.clone());
                }
            }
            seen = state.lines.len();
            if state.closed {
                return Found::Closed;
            }
            let left = within.saturating_sub(started.elapsed());
            if left.is_zero() {
                let last = state.lines.last().cloned().unwrap_or_default();
                return Found::Nothing { seen, last };
            }
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
