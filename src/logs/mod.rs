//! Decision records read back: views of them, and whether their chain is whole.
//!
//! Everything here takes one line or one record at a time and keeps no more than it has to say in the
//! end, so that it works on a log of any size and on one that never ends. What a record says came
//! from outside, and the file may be anybody's: [`name`] makes it safe to show.

mod checkpoint;
mod counts;
mod filter;
mod graph;
mod lines;
pub mod name;
mod record;
mod summary;
mod svg;
mod table;
pub mod verify;
mod view;

pub use checkpoint::{Keys, NoKeys};
pub use filter::{Filter, Wanted, moment};
pub use graph::{Format, Graph};
pub use lines::{Line, Lines, MAX_LINE};
pub use record::{Decision, Found, Record, is_checkpoint};
pub use summary::Summary;
pub use view::view;
