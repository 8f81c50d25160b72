//! hopgate as Envoy sees it, asked straight over its socket: the rules, case by case.

// For `json!` of a whole record.
#![recursion_limit = "256"]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

mod socket {
    mod act;
    mod bad_input;
    mod caller;
    mod certificate;
    mod claims;
    mod clean;
    mod credentials;
    mod flood;
    mod hidden;
    mod hostile_peers;
    mod identity;
    mod jose;
    mod metadata;
    mod observe;
    mod path;
    mod records;
    mod redaction;
    mod replay;
    mod replay_redis;
    mod revocation;
    mod risk;
    mod sender;
    mod services;
    mod step_up;
    mod token_keys;
}
