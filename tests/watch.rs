//! Decisions as they happen: on the watch address, by gRPC and as events, and followed by `hopgate logs --from`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a stage that can't be set up, or an answer that is not as it must be, is a failed test"
)]

mod support;

#[path = "watch"]
mod watch {
    mod command;
    mod events;
    mod guarded;
    mod reflection;
    mod stage;
    mod stream;
}
