//! `hopgate test`: tables of calls, and the bypasses that hopgate ships.

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

mod testing {
    mod bypasses;
    mod cases;
    mod faults;
    mod observed;
    mod parity;
    mod results;
    mod shipped;
    mod stage;
}
