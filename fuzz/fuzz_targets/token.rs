//! Any bytes as an access token. Unsigned ones are never allowed; signed ones only if an independent reading of the claims
//! agrees.
//!
//! The first byte chooses what the rest is: 0 the whole token; 1 header and payload, each ending in a newline, signed here;
//! else a payload under a good header, signed here.

#![no_main]

use hopgate::authz::{Outcome, evaluate};
use hopgate_fuzz::{AUDIENCE, ISSUER, KEY, MAX_DEPTH, NOW, SKEW, STATE, now, request};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode {
        0 => {
            let outcome = decide(rest);
            assert!(matches!(outcome, Outcome::Refused(_)), "an unsigned token was allowed");
        }
        1 => {
            let mut parts = rest.splitn(2, |byte| *byte == b'\n');
            let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            signed(header, payload);
        }
        _ => signed(br#"{"alg":"EdDSA","typ":"at+jwt","kid":"k1"}"#, rest),
    }
});

fn decide(token: &[u8]) -> Outcome {
    let header = [b"Bearer ", token].concat();
    evaluate(&STATE.snapshot, &request(&header), now()).outcome
}

fn signed(header: &[u8], payload: &[u8]) {
    let token = KEY.sign_raw(header, payload).expect("the key signs anything");
    match decide(token.as_bytes()) {
        Outcome::Refused(_) => {}
        Outcome::Permitted(_) => check(payload),
        Outcome::MustClaim(_) | Outcome::Described => panic!("the route asks for no claim and no metadata"),
    }
}

/// What must hold of a token that was allowed, read by another reader than hopgate's.
fn check(payload: &[u8]) {
    let claims: Value = serde_json::from_slice(payload).expect("an allowed token has JSON claims");
    assert_eq!(claims["iss"], ISSUER);
    let audience = &claims["aud"];
    assert!(
        audience == AUDIENCE || audience.as_array().is_some_and(|all| all.iter().any(|one| one == AUDIENCE)),
        "audience"
    );
    let seconds = |name: &str| claims[name].as_f64().expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let (now, skew) = (NOW as f64, SKEW as f64);
    assert!(now < seconds("exp") + skew, "expired");
    assert!(seconds("iat") <= now + skew + 1.0, "from the future");
    assert!(seconds("exp") - seconds("iat") <= 901.0, "valid for too long");
    assert!(claims["scope"].as_str().is_some_and(|scope| scope.split(' ').any(|one| one == "invoices:read")), "scope");
    assert!(claims.get("cnf").is_none(), "bound");
    let (mut depth, mut actor) = (0, &claims["act"]);
    assert_eq!(actor["sub"], "researcher", "the caller is the actor");
    while actor.is_object() {
        depth += 1;
        actor = &actor["act"];
    }
    assert!((1..=MAX_DEPTH).contains(&depth), "depth {depth}");
}
