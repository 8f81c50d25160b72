//! The view, the summary and the graph.

use crate::support::gate::command;

use super::real::{DONE, logs, records, steady, text};

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_is_one_line_in_words() {
    let (code, out, err) = logs(&[], steady(records().await));
    assert_eq!((code, err.as_str()), (DONE, ""));
    insta::assert_snapshot!(out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_summary_says_who_was_refused_what_and_why_and_what_enforcing_would_change() {
    let (code, out, err) = logs(&["summary"], steady(records().await));
    assert_eq!((code, err.as_str()), (DONE, ""));
    insta::assert_snapshot!(out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_says_how_much_of_it_is_shown() {
    let (_, out, _) = logs(&["summary", "--top", "1"], steady(records().await));
    assert!(out.contains("reasons (the first 1 of 6)"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_has_each_way_from_the_person_to_the_service() {
    let (code, out, err) = logs(&["graph"], steady(records().await));
    assert_eq!((code, err.as_str()), (DONE, ""));
    insta::assert_snapshot!(out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_for_mermaid_has_each_hop_once() {
    let (code, out, err) = logs(&["graph", "--format", "mermaid"], steady(records().await));
    assert_eq!((code, err.as_str()), (DONE, ""));
    insta::assert_snapshot!(out);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_passed_on_unchanged() {
    let whole = text(records().await);
    assert_eq!(logs(&["--json"], &whole), (DONE, whole.clone(), String::new()));
    let (_, denied, _) = logs(&["--json", "--decision", "deny"], &whole);
    let expected: Vec<_> = records().await.iter().filter(|line| line.contains(r#""decision":"deny""#)).collect();
    assert_eq!(denied.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_colours_but_on_a_terminal() {
    let coloured = |force: &str, none: &str| {
        let mut program = command();
        program.args(["logs", "examples/decisions.jsonl"]).env("CLICOLOR_FORCE", force).env("NO_COLOR", none);
        String::from_utf8(program.output().unwrap().stdout).unwrap().contains("\x1b[32mALLOW")
    };
    // What is no terminal may be said to take colours, which must then be there.
    assert!(!coloured("", "") && coloured("1", "") && !coloured("", "1"));
}
