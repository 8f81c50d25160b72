//! The command itself: what it prints, and its exit codes.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::sample::{AUTHZ, Base};
use crate::support::gate::command;

const CLEAN: i32 = 0;
const FAILED: i32 = 1;
const FAULTS: i32 = 3;
const REFUSED: i32 = 4;

/// Runs it on `text`, given on stdin.
fn run(arguments: &[&str], text: &str) -> (i32, String) {
    let mut child = command()
        .args(["lint-envoy", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap())
}

fn edited(field: &str, value: Value) -> String {
    let mut config = Base::Sidecar.value();
    config.pointer_mut(AUTHZ).unwrap()[field] = value;
    config.to_string()
}

#[test]
fn a_clean_file_is_said_to_be_clean() {
    let (code, out) = run(&[], &Base::Sidecar.text());
    assert_eq!((code, out.as_str()), (CLEAN, "0 error(s), 0 warning(s), 0 note(s) in 1 HTTP connection manager(s)\n"));
}

#[test]
fn an_error_is_shown_with_its_path_why_and_fix() {
    let (code, out) = run(&[], &edited("failure_mode_allow", json!(true)));
    assert_eq!(code, REFUSED);
    insta::assert_snapshot!(out);
}

#[test]
fn a_warning_fails_only_where_that_is_asked_for() {
    let text = edited("encode_raw_headers", json!(false));
    assert_eq!(run(&[], &text).0, CLEAN);
    assert_eq!(run(&["--strict"], &text).0, REFUSED);
    assert_eq!(run(&["--strict"], &edited("status_on_error", Value::Null)).0, CLEAN, "a note is none");
}

#[test]
fn ci_gets_json() {
    let (code, out) = run(&["--format", "json"], &edited("failure_mode_allow", json!(true)));
    assert_eq!(code, REFUSED);
    insta::assert_snapshot!(out);
}

#[test]
fn what_cannot_be_read_outweighs_what_was_found() {
    let text = edited("failure_mode_allow", json!(true)).replace("0.5s", "soon");
    let (code, out) = run(&[], &text);
    assert_eq!(code, FAULTS, "{out}");
    assert!(out.starts_with("-: fault: static_resources.listeners[0]"), "{out}");
    assert!(out.contains("[failure-mode-allow]") && out.contains("1 fault(s), 1 error(s)"), "{out}");
}

#[test]
fn a_file_that_is_not_there_is_said() {
    let output = command().args(["lint-envoy", "missing.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(FAILED));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("hopgate: can't read `missing.yaml`: "));
}
