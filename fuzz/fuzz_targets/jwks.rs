//! Any bytes as an issuer's key set, and whatever keys come of it against tokens that none of them signed.

#![no_main]

use std::sync::{Arc, LazyLock};

use hopgate::authz::{Algorithm, KeySet, Outcome, VerifiedTokens, evaluate};
use hopgate::config::KeySource;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::{Live, State};
use hopgate_fuzz::{AUDIENCE, ISSUER, NOW, now, request, settings};
use libfuzzer_sys::fuzz_target;

/// `Authorization` values, of one token for each kind of key, with and without `kid`.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let algorithms = [jsonwebtoken::Algorithm::EdDSA, jsonwebtoken::Algorithm::ES256, jsonwebtoken::Algorithm::RS256];
    let mut tokens = Vec::new();
    for algorithm in algorithms {
        let key = SigningKey::generate(algorithm).expect("a key can be made").with_kid("k1");
        let token = TokenBuilder::new(ISSUER, "alice", AUDIENCE)
            .scope("invoices:read")
            .actors(["researcher"])
            .issued_at(NOW.unsigned_abs());
        for token in [token.clone(), token.without_header("kid")] {
            tokens.push(format!("Bearer {}", token.sign(&key).expect("the key signs")));
        }
    }
    tokens
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(keys) = KeySet::parse(bytes, &Algorithm::ALL) else { return };
    assert!((1..=100).contains(&(keys.len() + keys.ignored().len())));
    assert!(keys.kids().count() <= keys.len());
    let live = Live::new(State::first(&settings(), Arc::new(VerifiedTokens::with_capacity(1))).expect("randomness"));
    live.set_keys(ISSUER, &KeySource::File, Some(Arc::new(keys)));
    let state = live.load();
    for token in TOKENS.iter() {
        let outcome = evaluate(&state.snapshot, &request(token.as_bytes()), now()).outcome;
        assert!(matches!(outcome, Outcome::Refused(_)), "a key that is not the signer's verified a token");
    }
});
