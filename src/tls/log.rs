//! What is said of refused clients: enough to find one, and no more than a log can hold.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::client::Refusal;
use crate::metrics::{Metrics, TlsRefused};

/// Lines about one kind of refusal in one span. Anybody who reaches the port can cause some kinds.
const MOST: u32 = 5;
const SPAN: Duration = Duration::from_secs(10);

/// Counts refused clients, and says of some who they are.
#[derive(Debug)]
pub(super) struct Refusals {
    metrics: Arc<Metrics>,
    /// In the order of [`TlsRefused::ALL`].
    budgets: Mutex<[Budget; TlsRefused::ALL.len()]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    began: Option<Instant>,
    said: u32,
    unsaid: u64,
}

impl Refusals {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, budgets: Mutex::default() }
    }

    pub(super) fn tell(&self, peer: SocketAddr, refusal: &Refusal) {
        self.metrics.tls_refused(refusal.kind);
        let Some(unsaid) = self.may_say(refusal.kind, Instant::now()) else { return };
        let (reason, why) = (refusal.kind.code(), &refusal.why);
        if refusal.kind == TlsRefused::Disconnected {
            // Every probe of a load balancer does it.
            tracing::debug!(%peer, reason, why, unsaid, "a client went away during the handshake");
        } else {
            tracing::warn!(%peer, reason, why, unsaid, "a client was refused");
        }
    }

    /// How many of this kind went unsaid before, if one may be said now.
    fn may_say(&self, kind: TlsRefused, now: Instant) -> Option<u64> {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.get_mut(kind as usize)?;
        if budget.began.is_none_or(|began| now.duration_since(began) >= SPAN) {
            *budget = Budget { began: Some(now), said: 0, unsaid: budget.unsaid };
        }
        if budget.said >= MOST {
            budget.unsaid = budget.unsaid.saturating_add(1);
            return None;
        }
        budget.said = budget.said.saturating_add(1);
        Some(std::mem::take(&mut budget.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_kind_is_told_of_in_few_lines_and_hides_no_other_kind() {
        let refusals = Refusals::new(Arc::new(Metrics::new()));
        let start = Instant::now();
        let said: Vec<_> = (0..1000).filter_map(|_| refusals.may_say(TlsRefused::NotTls, start)).collect();
        assert_eq!(said, [0; 5]);
        assert_eq!(refusals.may_say(TlsRefused::ClientUnlisted, start), Some(0));
        let later = start.checked_add(SPAN).unwrap_or(start);
        assert_eq!(refusals.may_say(TlsRefused::NotTls, later), Some(995), "and how many went unsaid");
        assert_eq!(refusals.may_say(TlsRefused::NotTls, later), Some(0));
    }

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for (at, kind) in TlsRefused::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{}", kind.code());
        }
    }
}
