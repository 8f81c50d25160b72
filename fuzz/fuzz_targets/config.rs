//! Any text as a configuration: settings that can be served, or at least one fault, and never a panic.

#![no_main]

use std::sync::Arc;

use hopgate::authz::{Outcome, VerifiedTokens, evaluate};
use hopgate::config;
use hopgate::live::State;
use hopgate_fuzz::{folder, now, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // A configuration may name any file; reading a terminal or a pipe would wait for ever.
    if text.contains("/dev") || text.contains("/proc") {
        return;
    }
    match config::load_text(text, folder()) {
        Ok(settings) => {
            assert!(!settings.issuers.is_empty() && settings.services.iter().next().is_some());
            let state = State::first(&settings, Arc::new(VerifiedTokens::with_capacity(1))).expect("randomness");
            let outcome = evaluate(&state.snapshot, &request(b"Bearer a.b.c"), now()).outcome;
            assert!(matches!(outcome, Outcome::Refused(_)), "no configuration lets a token through that is none");
        }
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a fault");
            assert!(faults.iter().all(|fault| !fault.to_string().is_empty()));
        }
    }
});
