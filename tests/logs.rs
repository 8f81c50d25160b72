//! `hopgate logs` on the records of a real hopgate, and on files that lie.

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

mod logs {
    mod filters;
    mod hidden;
    mod hostile;
    mod input;
    mod properties;
    mod real;
    mod shown;
    mod signed;
    mod tampered;
}
