//! `hopgate test`: tables of calls and what is to be decided on each, run offline against a configuration.
//!
//! ```text
//! table.yaml ─▶ read ─▶ Case ─▶ token, request ─▶ Call ─▶ offline::decide ─▶ expect ─▶ Outcome
//!               faults          throw-away keys                             coverage   diff, verdicts
//! ```

mod actual;
pub mod bypass;
mod case;
mod coverage;
mod expect;
mod fault;
mod instant;
mod keys;
mod known;
mod read;
mod request;
mod run;
mod token;
pub mod written;

pub use case::Case;
pub use coverage::{Coverage, Kind};
pub use expect::Expected;
pub use fault::TableFault;
pub use run::{Bench, Failure, Outcome, Table};

/// The JSON Schema of a table.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(written::Table)
}
