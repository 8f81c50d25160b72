//! Records with fields hashed or dropped.

use serde_json::json;

use super::real::{DONE, FAULTS, logs, text};
use crate::support::tokens::of;
use crate::support::{Call, Plan, eventually, spiffe};

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_key_finds_the_person_and_nobody_else_does() {
    let (old, new) = (*b"0123456789abcdef0123456789abcdef", [9; 32]);
    let plan = Plan::new();
    let [key, other] = [("hash.key", old), ("other.key", new)].map(|(name, secret)| {
        let file = plan.dir.root().join(name);
        std::fs::write(&file, secret).unwrap();
        file.display().to_string()
    });
    let hashed = ["subject", "client_id", "peer"];
    let audit = json!({ "hash": hashed, "drop": ["path"], "hash_key_file": "hash.key" });
    let gate = plan.set("/audit", audit).start();
    for subject in ["alice", "bob", "hmac:433deb45467e4e53dbaba594c88bc3a2"] {
        gate.ask(&Call::get("/open").bearer(&gate.mint(&of(subject))).peer(&spiffe("planner"))).await;
    }
    eventually("three records", async || (gate.service.lines().len() == 3).then_some(())).await;
    let lines = gate.service.lines();
    let found = |arguments: &[&str]| {
        let (code, out, err) = logs(&[&["--json"], arguments].concat(), text(&lines));
        let found = out.lines().count();
        let said = if found == 0 { "hopgate: none of 3 record(s) fits\n" } else { "" };
        assert_eq!((code, err.as_str()), (DONE, said), "{arguments:?}");
        found
    };
    let peer = spiffe("planner");
    for (arguments, expected) in [
        (vec!["--subject", "alice"], 0),
        (vec!["--subject", "alice", "--hash-key-file", &key], 1),
        (vec!["--subject", "alice", "--hash-key-file", &other], 0),
        (vec!["--subject", "alice", "--hash-key-file", &other, "--hash-key-file", &key], 1),
        (vec!["--subject", "alice", "--subject", "bob", "--hash-key-file", &key], 2),
        // As it stands there.
        (vec!["--subject", "hmac:433deb45467e4e53dbaba594c88bc3a2"], 1),
        (vec!["--agent", "planner"], 0),
        (vec!["--agent", "planner", "--hash-key-file", &key], 3),
        (vec!["--peer", &peer, "--hash-key-file", &key], 3),
        (vec!["--tool", "planner", "--hash-key-file", &key], 0),
    ] {
        assert_eq!(found(&arguments), expected, "{arguments:?}");
    }
    let (code, out, _) = logs(&["--subject", "alice", "--hash-key-file", &key], text(&lines));
    let line = out.split_once(" - ").unwrap().1.trim_start();
    let said = "hmac:433deb45467e4e53dbaba594c88bc3a2 ← hmac:";
    assert!(code == DONE && line.starts_with(said) && line.contains("  invoices/open GET -  "), "{out}");
    // Whole, hashed or not.
    assert_eq!(logs(&["verify", "-"], text(&lines)).0, DONE);

    std::fs::write(&key, "short").unwrap();
    let (code, _, err) = logs(&["--subject", "alice", "--hash-key-file", &key], text(&lines));
    assert!(code == FAULTS && err.contains("expected at least 32 bytes"), "{err}");
}
