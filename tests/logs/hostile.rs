//! Names are anybody's words, and the file may be anybody's.

use serde_json::{Value, json};

use super::real::{DONE, changed, logs, records};

/// What a name may try.
const NAMES: [&str; 8] = [
    "\u{1b}[2J\u{1b}[31mALLOW",
    "a\nb\r\u{7}\u{0}",
    "\u{202e}ecila\u{200b}",
    "alice ← admin",
    "\"] --> evil[\"",
    "%%{init: {\"securityLevel\": \"loose\"}}%%",
    "`**x**` <img src=x onerror=alert(1)>",
    "x; click n0 call f()",
];

fn spoil(record: &mut Value, name: &str) {
    for field in ["reason", "check", "service", "route", "operation", "operation_name", "peer", "subject", "actor"] {
        record[field] = json!(name);
    }
    for field in ["method", "path", "decision_id", "client_id"] {
        record[field] = json!(name);
    }
    record["actor_chain"] = json!([name, "planner"]);
    record["would_deny"] = json!([name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_acts_on_a_terminal_or_passes_for_another_column() {
    for name in NAMES {
        let text = changed(&records().await[..1], 0, |record| spoil(record, name));
        for arguments in [&[][..], &["summary"], &["graph"], &["graph", "--format", "mermaid"]] {
            let (code, out, err) = logs(arguments, &text);
            assert_eq!((code, err.as_str()), (DONE, ""), "{name:?}");
            let acts = |c: char| {
                c != '\n' && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'))
            };
            assert!(!out.contains(acts), "{name:?}: {out:?}");
        }
        let (_, out, _) = logs(&[], &text);
        assert_eq!(out.lines().count(), 1, "{out}");
    }
    let text = changed(&records().await[..1], 0, |record| spoil(record, NAMES[3]));
    assert!(logs(&[], text).1.contains(r#""alice ← admin" ← planner ← "alice ← admin""#));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_says_anything_to_mermaid() {
    for name in NAMES {
        let text = changed(&records().await[..1], 0, |record| spoil(record, name));
        let (_, out, _) = logs(&["graph", "--format", "mermaid"], text);
        assert_eq!(out.lines().next(), Some("flowchart LR"));
        for line in out.lines().skip(1) {
            // A node or an edge with one quoted label of harmless characters.
            let parts: Vec<_> = line.split('"').collect();
            let [before, label, after] = parts[..] else { panic!("{line}") };
            assert!(before.starts_with("  n") && (after.ends_with(']') || after.starts_with("| n")), "{line}");
            let harmless = |c: char| c.is_alphanumeric() || " -_.:/@#;,\u{fffd}".contains(c);
            assert!(label.chars().all(harmless), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hop_that_a_chain_goes_over_twice_is_counted_once() {
    let text = changed(&records().await[..1], 0, |record| record["actor_chain"] = json!(["b", "a", "b", "a"]));
    let (_, out, _) = logs(&["graph", "--format", "mermaid"], text);
    assert!(out.contains("1 allow, 0 deny") && !out.contains("2 allow"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_no_hopgate_writes_is_cut() {
    let long: Vec<_> = (0..1000).map(|n| format!("a{n}")).collect();
    let text = changed(&records().await[..1], 0, |record| record["actor_chain"] = json!(long));
    let (_, out, _) = logs(&["graph"], &text);
    assert!(out.contains(" → a937 → (937 more) → invoices  1 allow"), "{out}");
    assert!(logs(&["graph", "--format", "mermaid"], text).1.contains("[\"937 more\"]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_verified_is_nobody_wherever_its_names_stand() {
    let text = changed(&records().await[..1], 0, |record| record["token_verified"] = json!(false));
    assert!(logs(&[], &text).1.contains("(no verified token)"));
    let (_, out, err) = logs(&["--subject", "alice"], text);
    assert_eq!((out.as_str(), err.as_str()), ("", "hopgate: none of 1 record(s) fits\n"));
}
