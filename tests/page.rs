//! The live page, in a real Chromium, on the decisions of a real hopgate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a stage that can't be set up, or a page that is not as it must be, is a failed test"
)]

mod support;

#[path = "page"]
mod page {
    mod decisions;
    mod hostile;
    mod looks;
    mod served;
    mod stage;
    mod status;
    mod stream;
    mod words;
}
