//! Any bytes as a DPoP proof beside a good token that is bound to a key, and as its `htu`. Nobody has the key, so no proof
//! holds; and a URL in its normal form is its own.

#![no_main]

use std::sync::LazyLock;

use hopgate::authz::{Field, Outcome, Request, TargetUrl, evaluate};
use hopgate::dev::mint::TokenBuilder;
use hopgate_fuzz::{AUDIENCE, ISSUER, KEY, NOW, STATE, now, request};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

static AUTHORIZATION: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let token = TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .scope("invoices:read")
        .actors(["researcher"])
        .issued_at(NOW.unsigned_abs())
        .claim("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }))
        .sign(&KEY)
        .expect("the key signs anything");
    format!("DPoP {token}").into_bytes()
});

fuzz_target!(|bytes: &[u8]| {
    let request = Request { dpop: Field::Once(bytes), ..request(&AUTHORIZATION) };
    let outcome = evaluate(&STATE.snapshot, &request, now()).outcome;
    assert!(matches!(outcome, Outcome::Refused(_)), "a proof without the key was taken");
    if let Some(url) = std::str::from_utf8(bytes).ok().and_then(TargetUrl::parse) {
        assert_eq!(TargetUrl::parse(url.as_str()).as_ref(), Some(&url));
    }
});
