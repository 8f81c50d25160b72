//! Written records, for whoever follows along.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::broadcast::{self, error::RecvError};

/// Lines kept for a follower that is behind; with more it misses the oldest.
const BACKLOG: usize = 1024;

/// Hands each written line to all followers. None of them can slow the writer: who is too slow misses
/// lines, and is told how many. Clones are the same feed.
#[derive(Clone, Debug)]
pub struct Feed {
    lines: broadcast::Sender<Bytes>,
    recent: Arc<Mutex<Recent>>,
}

/// The last lines, for followers that begin.
#[derive(Debug)]
struct Recent {
    lines: VecDeque<Bytes>,
    keep: usize,
}

/// One follower.
#[derive(Debug)]
pub struct Following {
    recent: VecDeque<Bytes>,
    lines: broadcast::Receiver<Bytes>,
}

/// What a follower gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// As written, without its end.
    Line(Bytes),
    /// So many lines went by.
    Missed(u64),
}

impl Feed {
    /// A feed that keeps the last `keep` lines.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self {
            lines: broadcast::Sender::new(BACKLOG),
            recent: Arc::new(Mutex::new(Recent { lines: VecDeque::with_capacity(keep), keep })),
        }
    }

    /// Follows from the last `recent` of the lines that are kept.
    #[must_use]
    pub fn follow(&self, recent: usize) -> Following {
        // Nothing is published meanwhile, so no line is missed between the two, and none comes twice.
        let kept = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = kept.lines.len().saturating_sub(recent);
        Following { recent: kept.lines.iter().skip(skip).cloned().collect(), lines: self.lines.subscribe() }
    }

    /// Followers at this moment.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.lines.receiver_count()
    }

    /// Hands on the lines of `batch`, each with its end.
    pub(super) fn publish(&self, batch: &[u8]) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.keep == 0 && self.lines.receiver_count() == 0 {
            return;
        }
        for line in batch.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line = Bytes::copy_from_slice(line);
            if recent.keep > 0 {
                if recent.lines.len() >= recent.keep {
                    recent.lines.pop_front();
                }
                recent.lines.push_back(line.clone());
            }
            // An error means that nobody follows.
            let _ = self.lines.send(line);
        }
    }
}

impl Following {
    /// The next line; `None` once the feed is gone and all of it was handed on.
    pub async fn next(&mut self) -> Option<Followed> {
        if let Some(line) = self.recent.pop_front() {
            return Some(Followed::Line(line));
        }
        match self.lines.recv().await {
            Ok(line) => Some(Followed::Line(line)),
            Err(RecvError::Lagged(lines)) => Some(Followed::Missed(lines)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &'static str) -> Followed {
        Followed::Line(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn a_follower_begins_with_the_last_lines_and_misses_none() {
        let feed = Feed::new(2);
        feed.publish(b"a\nb\nc\n");
        let mut following = feed.follow(8);
        feed.publish(b"d\n");
        for text in ["b", "c", "d"] {
            assert_eq!(following.next().await, Some(line(text)));
        }
        drop(feed);
        assert_eq!(following.next().await, None);
    }

    #[tokio::test]
    async fn a_slow_follower_is_told_how_many_it_missed() {
        let feed = Feed::new(0);
        let mut following = feed.follow(0);
        for _ in 0..BACKLOG {
            feed.publish(b"old\n");
        }
        feed.publish(b"x\nnew\n");
        assert_eq!(following.next().await, Some(Followed::Missed(2)));
        let mut last = None;
        for _ in 0..BACKLOG {
            last = following.next().await;
        }
        assert_eq!(last, Some(line("new")));
    }

    #[test]
    fn without_followers_nothing_is_kept_but_what_was_asked_for() {
        let feed = Feed::new(0);
        feed.publish(b"a\n");
        assert_eq!((feed.followers(), feed.follow(8).recent.len()), (0, 0));
    }
}
