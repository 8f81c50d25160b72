//! What the documents say is what the program does: samples are loaded or run, tables are compared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a page or a fixture that is not as it must be is a failed test"
)]

mod fixture;
mod page;
mod policies;
mod proto;
mod record_schema;
mod samples;
mod tables;
mod testing;
