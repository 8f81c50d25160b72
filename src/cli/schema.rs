//! `hopgate schema`

use std::io::Write as _;

use super::exit::{self, Exit};

pub(super) fn run() -> Exit {
    let printed = serde_json::to_string_pretty(&crate::config::schema())
        .map_err(std::io::Error::other)
        .and_then(|text| writeln!(std::io::stdout(), "{text}"));
    exit::of(printed)
}
