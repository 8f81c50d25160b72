//! `hopgate logs verify`: what was done to a chain shows, and where.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::real::{ALL, DONE, FAULTS, REFUSED, USAGE, changed, logs, records, run_once, text};

/// Verifies `text` and has it that it is not whole; what is said of the faults.
fn faults(text: &str) -> Vec<String> {
    faults_of(&["verify", "-"], text)
}

fn faults_of(arguments: &[&str], text: &str) -> Vec<String> {
    let (code, out, err) = logs(arguments, text);
    assert_eq!((code, err.as_str()), (REFUSED, ""), "{out}");
    let is_report =
        |line: &&str| ["process ", "piece ", "NOT WHOLE", "1 line"].iter().any(|word| line.starts_with(word));
    out.lines().filter(|line| !is_report(line)).map(str::to_owned).collect()
}

/// `lines` with `change` made to the one at `at`, and the chain written anew from there.
pub(super) fn relinked(lines: &[String], at: usize, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut lines = lines.to_vec();
    let mut first: Value = serde_json::from_str(&lines[at]).unwrap();
    change(&mut first);
    lines[at] = first.to_string();
    let mut prev = at.checked_sub(1).map_or_else(|| "0".repeat(64), |before| hash(&lines[before]));
    for (line, seq) in lines.iter_mut().zip(1..).skip(at) {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["seq"] = json!(seq);
        record["prev"] = json!(prev);
        *line = record.to_string();
        prev = hash(line);
    }
    lines
}

pub(super) fn hash(line: &str) -> String {
    digest(&SHA256, line.as_bytes()).as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_of_a_real_run_is_whole() {
    let lines = records().await;
    let last = hash(&lines[ALL - 1]);
    let (code, out, err) = logs(&["verify", "-"], text(lines));
    assert_eq!((code, err.as_str()), (DONE, ""));
    let expected = format!(
        "process from stdin:1 (seq 1) to stdin:{ALL} (seq {ALL}), last hash {last}\nwhole: {ALL} record(s) of 1 process(es), 0 fault(s)\n"
    );
    assert_eq!(out, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_field_shows_at_the_next_line() {
    let lines = records().await;
    for (field, value) in [("decision", json!("allow")), ("subject", json!("bob")), ("duration_us", json!(1))] {
        let text = changed(lines, 5, |record| record[field] = value);
        assert_eq!(
            faults(&text),
            ["stdin:7: seq 7: goes on from no line: stdin:6 (seq 6) was likely changed or replaced"]
        );
    }
    let spaced = text(lines).replacen(r#","decision""#, r#", "decision""#, 1);
    assert_eq!(faults(&spaced).len(), 1, "not even a space");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_number_shows() {
    let text = changed(records().await, 5, |record| record["seq"] = json!(3));
    let found = faults(&text);
    assert_eq!(found[0], "stdin:6: seq 3: does not count on from seq 5");
    assert!(found[1].starts_with("stdin:7: seq 7: "), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_line_shows() {
    let mut lines = records().await.to_vec();
    lines.remove(5);
    assert_eq!(
        faults(&text(&lines)),
        ["stdin:6: seq 7: goes on from no line: seq 6 to 6, after stdin:5, were likely removed"]
    );
    lines.drain(2..4);
    let found = faults(&text(&lines));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("stdin:3: seq 5: goes on from no line: seq 3 to 4, after stdin:2,"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_were_swapped_show() {
    let mut lines = records().await.to_vec();
    lines.swap(4, 5);
    let found = faults(&text(&lines));
    assert!(found[0].starts_with("stdin:5: seq 6: "), "{found:?}");
    assert_eq!(found[1], "stdin:6: seq 5: belongs before stdin:5: lines or files are out of order");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inserted_line_shows_whatever_it_goes_on_from() {
    let lines = records().await;
    let mut forged: Value = serde_json::from_str(&lines[4]).unwrap();
    for (seq, prev) in [(6, hash(&lines[4])), (6, "0".repeat(63) + "1"), (1, "ab".repeat(32))] {
        forged["seq"] = json!(seq);
        forged["prev"] = json!(prev);
        let mut lines = lines.to_vec();
        lines.insert(5, forged.to_string());
        let found = faults(&text(&lines));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("stdin:6: ") || found[0].starts_with("stdin:7: "), "{found:?}");
    }
    let mut twice = lines.to_vec();
    twice.insert(5, lines[4].clone());
    let found = faults(&text(&twice));
    assert_eq!(
        found,
        ["stdin:6: seq 5: goes on from no line, and stdin:5 has seq 5: likely inserted, repeated or moved"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beginning_that_was_cut_off_shows_unless_its_end_is_known() {
    let lines = records().await;
    let rest = text(&lines[4..]);
    assert_eq!(faults(&rest), ["stdin:1: seq 5: the records before it are missing: the beginning was cut off"]);
    let (code, out, _) = logs(&["verify", "-", "--after", &hash(&lines[3])], &rest);
    assert_eq!(code, DONE, "{out}");
    let found = faults_of(&["verify", "-", "--after", &hash(&lines[3])], &text(lines));
    assert_eq!(found, [format!("no record goes on from the hash {}", hash(&lines[3]))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_cut_off_shows_by_a_hash_that_was_kept() {
    let lines = records().await;
    let last = hash(&lines[ALL - 1]);
    let cut = text(&lines[..ALL - 1]);
    assert_eq!(logs(&["verify", "-"], &cut).0, DONE, "nothing in the file can show it");
    let expect = ["verify", "-", "--expect", &last];
    assert_eq!(logs(&expect, text(lines)).0, DONE);
    let said = format!("no record has the hash {last}: it was cut off, or the chain was written anew");
    assert_eq!(faults_of(&expect, &cut), [said.as_str()]);
    // The last line is held by no other.
    let changed = changed(lines, ALL - 1, |record| record["subject"] = json!("bob"));
    assert_eq!(logs(&["verify", "-"], &changed).0, DONE);
    assert_eq!(faults_of(&expect, &changed), [said.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_cut_in_its_middle_shows() {
    let whole = text(records().await);
    let found = faults(&whole[..whole.len() - 20]);
    assert_eq!(found, [format!("stdin:{ALL}: the line ends in the middle of a record")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_mixed_processes_are_told_apart_by_their_hashes() {
    let (first, second) = (records().await, run_once().await);
    let after_another = text(first) + &text(&second);
    let mixed: Vec<_> = first.iter().zip(&second).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
    for text in [&after_another, &text(&mixed)] {
        let (code, out, _) = logs(&["verify", "-"], text);
        assert_eq!(code, DONE, "{out}");
        assert!(out.ends_with(&format!("whole: {} record(s) of 2 process(es), 0 fault(s)\n", 2 * ALL)), "{out}");
    }
    let mut removed = mixed;
    removed.remove(8);
    assert_eq!(faults(&text(&removed)).len(), 1);
    let again = text(first) + &text(first);
    assert_eq!(faults(&again), [format!("stdin:{}: seq 1: begins a process that began at stdin:1 already", ALL + 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_goes_on_through_rotated_files_in_their_order() {
    let lines = records().await;
    let folder = TempDir::new().unwrap();
    let write = |name: &str, lines: &[String]| {
        let file = folder.path().join(name);
        std::fs::write(&file, text(lines)).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let (old, new) = (write("old", &lines[..4]), write("new", &lines[4..]));
    assert_eq!(logs(&["verify", &old, &new], "").0, DONE);
    let found = faults_of(&["verify", &new, &old], "");
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1], format!("{old}:4: seq 4: belongs before {new}:1: lines or files are out of order"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_numbers_of_a_whole_chain_is_said_and_no_fault() {
    let mut prev = "0".repeat(64);
    let mut lines = Vec::new();
    for seq in [1, 2, 5] {
        let line = json!({ "time": "2026-11-26T10:00:00.000Z", "seq": seq, "prev": prev }).to_string();
        prev = hash(&line);
        lines.push(line);
    }
    let (code, out, _) = logs(&["verify", "-"], text(&lines));
    assert_eq!(code, DONE, "{out}");
    assert!(out.contains("2 number(s) were passed over: records that were refused, as their calls were\n"), "{out}");
}

#[test]
fn nothing_is_called_whole_that_holds_no_record() {
    for text in ["", "hello\n", "{}\n"] {
        assert_eq!(logs(&["verify", "-"], text).0, FAULTS, "{text:?}");
    }
    assert_eq!(logs(&["verify", "-", "--expect", "ABC"], "").0, USAGE);
    assert_eq!(logs(&["verify"], "").0, USAGE);
}

#[test]
fn a_file_made_to_exhaust_it_is_given_up() {
    let line = |n: u32| format!("{{\"seq\":{n},\"prev\":\"{}\"}}", hash(&n.to_string()));
    let hostile = text(&(0..5000).map(line).collect::<Vec<_>>());
    let (code, out, _) = logs(&["verify", "-"], hostile);
    assert_eq!(code, REFUSED);
    assert!(out.contains("there is too much to go on"));
}
