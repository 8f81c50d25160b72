//! The command line: what it prints, and its exit codes.

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

mod cli {
    mod check;
    mod explain;
    mod explain_operations;
    mod usage;

    use std::process::Output;

    use crate::support::gate::command;

    const DONE: i32 = 0;
    const FAILED: i32 = 1;
    const USAGE: i32 = 2;
    const FAULTS: i32 = 3;
    const REFUSED: i32 = 4;

    fn run(args: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = command().args(args).output().expect("an end");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (status.code().expect("no signal"), text(stdout), text(stderr))
    }
}
