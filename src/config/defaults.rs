//! What holds where an operator writes nothing; the sections that may be left out whole.

use std::time::Duration;

use super::span::Span;
use super::written::{AlgorithmName, Audit, AuditDestination, Dpop, Limits, OnOverflow, Replay, ReplayStore, Upstream};

impl Default for Upstream {
    fn default() -> Self {
        Self { forward_token: false, identity_headers: true }
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self { store: ReplayStore::Memory, capacity: 1_000_000, accept_tokens_issued_before_start: false, redis: None }
    }
}

impl Default for Dpop {
    fn default() -> Self {
        Self {
            algorithms: vec![AlgorithmName::ES256, AlgorithmName::EdDSA],
            max_age: Span(Duration::from_secs(60)),
            clock_skew: Span(Duration::from_secs(5)),
            require_nonce: false,
            nonce_lifetime: Span(Duration::from_secs(5 * 60)),
            nonce_key_file: None,
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            destination: AuditDestination::Stdout,
            on_overflow: OnOverflow::Deny,
            queue: 8192,
            state_file: None,
            checkpoint: None,
            hash: Vec::new(),
            drop: Vec::new(),
            hash_key_file: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 1024,
            message_bytes: 4 * 1024 * 1024,
            token_bytes: 8192,
            body_bytes: 65_536,
            verified_tokens: 10_000,
            deadline: Span(Duration::from_millis(150)),
            drain: Span(Duration::from_secs(10)),
        }
    }
}
