//! Files, stdin, prefixes, and what is no record.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use super::real::{ALL, DONE, FAULTS, logs, records, text};
use crate::support::gate::command;

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_are_no_record_are_counted_and_said() {
    let text = format!("starting\n{}{{\"a\":1}}\n\n\u{1b}[31m\n", text(records().await));
    for arguments in [&[][..], &["--json"], &["summary"], &["graph"]] {
        let (code, _, err) = logs(arguments, &text);
        assert_eq!(code, DONE);
        assert_eq!(
            err,
            "hopgate: stdin:1 is no decision record; more are counted\nhopgate: 4 line(s) are no decision record\n"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_of_a_collector_is_left_out_and_said() {
    let lines: Vec<_> = records().await.iter().map(|line| format!("[pod/invoices-0/hopgate] {line}")).collect();
    let (code, out, err) = logs(&["--json"], text(&lines));
    assert_eq!((code, out), (DONE, text(records().await)));
    assert_eq!(err, format!("hopgate: {ALL} record(s) had a prefix, which was left out\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_input_is_shown_as_it_comes() {
    let mut program = command();
    program.arg("logs").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = BufReader::new(output).lines();
    for line in &records().await[..3] {
        writeln!(input, "{line}").unwrap();
        // Blocks for ever if it is kept back.
        assert!(shown.next().unwrap().unwrap().contains(" ← "));
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_seen_enough_may_go() {
    let mut program = command();
    program.arg("logs").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    drop(child.stdout.take());
    // It may have ended already.
    let _ = child.stdin.take().unwrap().write_all(text(records().await).repeat(100).as_bytes());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(DONE), &b""[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_longer_than_any_record_is_passed_over() {
    let long = format!("{}{}\n{}", text(&records().await[..1]), "{".repeat(5_000_000), text(&records().await[1..]));
    let (code, out, err) = logs(&["--json"], long);
    assert_eq!((code, out), (DONE, text(records().await)));
    assert!(err.starts_with("hopgate: stdin:2 is too long"), "{err}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault() {
    for arguments in [&["nowhere.log"][..], &["summary", "nowhere.log"], &["verify", "nowhere.log"], &["."]] {
        let (code, _, err) = logs(arguments, "");
        assert_eq!(code, FAULTS, "{arguments:?}");
        assert!(err.starts_with("hopgate: can't read `"), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_before_reading_failed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("records.log");
    std::fs::write(&file, text(records().await)).unwrap();
    for (view, said) in [("summary", format!("{ALL} decision(s)")), ("graph", "→ invoices  ".to_owned())] {
        let (code, out, err) = logs(&[view, file.to_str().unwrap(), "/nowhere/at.all"], "");
        assert_eq!(code, FAULTS);
        assert!(out.contains(&said) && err.contains("can't read `/nowhere/at.all`"), "{out}{err}");
    }
}
