//! The chain over restarts, and what the signature of a checkpoint holds that the chain alone does not.

use std::fs;
use std::path::PathBuf;

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use serde_json::{Value, json};

use super::real::{DONE, FAULTS, REFUSED, logs, text};
use super::tampered::{hash, relinked};
use crate::support::gate::{Gate, command};
use crate::support::{Call, Plan, eventually};

/// A hopgate that signs its records, and the file of its public key.
struct Signing {
    gate: Gate,
    public: PathBuf,
}

impl Signing {
    fn start(every: &str) -> Self {
        let plan = Plan::new()
            .set("/audit/state_file", json!("audit.state"))
            .set("/audit/checkpoint", json!({ "key_file": "checkpoint.pem", "every": every }));
        let folder = plan.file().parent().unwrap().to_owned();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(folder.join("checkpoint.pem"), key.serialize_pem()).unwrap();
        let public = folder.join("checkpoint.pub");
        fs::write(&public, key.public_key_pem()).unwrap();
        Self { gate: Gate::start(plan), public }
    }

    /// Asks `calls` times; all lines written so far, once there are as many as there must be.
    async fn ask(&self, calls: usize, lines: usize) -> Vec<String> {
        for _ in 0..calls {
            self.gate.ask(&Call::get("/invoices")).await;
        }
        eventually("all lines", async || (self.gate.service.lines().len() >= lines).then_some(())).await;
        self.gate.service.lines()
    }

    /// Ends it; all it wrote.
    fn stop(&mut self, kill: bool) -> Vec<String> {
        let service = &mut self.gate.service;
        if kill { service.kill() } else { service.stop() }.unwrap();
        self.gate.service.lines()
    }

    fn again(self) -> Self {
        let Self { gate, public } = self;
        Self { gate: Gate::start(gate.plan), public }
    }

    fn verify(&self, lines: &[String]) -> (i32, String) {
        let (code, out, err) = logs(&["verify", "-", "--key", self.public.to_str().unwrap()], text(lines));
        assert_eq!(err, "");
        (code, out)
    }

    /// The one fault of `lines`.
    fn fault(&self, lines: &[String]) -> String {
        let (code, out) = self.verify(lines);
        assert_eq!(code, REFUSED, "{out}");
        out.lines().next().unwrap().to_owned()
    }
}

fn is_checkpoint(line: &str) -> bool {
    line.starts_with(r#"{"checkpoint":"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_signed_from_the_first_to_the_end() {
    let mut signing = Signing::start("1h");
    signing.ask(1, 2).await;
    signing.ask(3, 5).await;
    let lines = signing.stop(false);
    let kinds: Vec<_> = lines.iter().map(|line| is_checkpoint(line)).collect();
    assert_eq!(kinds, [false, true, false, false, false, true]);
    let (code, out) = signing.verify(&lines);
    assert_eq!(code, DONE, "{out}");
    assert!(out.contains(", signed at 20") && out.contains("Z, when it ended\n"), "{out}");
    assert!(out.ends_with("2 checkpoint(s)\nwhole: 4 record(s) of 1 process(es), 0 fault(s)\n"), "{out}");
    // Whoever has no key sees that nobody looked.
    let (code, out, _) = logs(&["verify", "-"], text(&lines));
    assert!(code == DONE && out.contains("2 checkpoint(s), not checked: no --key is given\n"), "{out}");
    // For every other view they are no records.
    let (code, out, err) = logs(&["--json"], text(&lines));
    assert_eq!((code, out.lines().count(), err.as_str()), (DONE, 4, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_comes_when_it_is_due() {
    let signing = Signing::start("1s");
    signing.ask(1, 2).await;
    let lines = signing.ask(2, 5).await;
    assert!(is_checkpoint(&lines[4]), "{lines:?}");
    let (code, out) = signing.verify(&lines);
    assert!(code == DONE && !out.contains("but for"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_chain() {
    let mut signing = Signing::start("1h");
    let mut all = Vec::new();
    for kill in [false, true, true, false] {
        signing.ask(2, 3).await;
        all.extend(signing.stop(kill));
        signing = signing.again();
    }
    let (code, out) = signing.verify(&all);
    assert_eq!(code, DONE, "{out}");
    assert!(out.ends_with("whole: 8 record(s) of 1 process(es), 0 fault(s)\n"), "{out}");
    let mut without_second = all.clone();
    without_second.drain(4..7);
    assert!(signing.fault(&without_second).contains("likely removed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_and_never_written_shows_after_a_restart() {
    let mut signing = Signing::start("1h");
    signing.ask(2, 3).await;
    let first = signing.stop(true);
    let state = signing.gate.plan.file().with_file_name("audit.state");
    let kept: Value = serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!((&kept["seq"], kept["hash"].as_str()), (&json!(3), Some(hash(first.last().unwrap()).as_str())));
    // As it is kept before its lines are written.
    let without_last = [&first[..2], &[]].concat();
    signing = signing.again();
    let second = signing.ask(1, 2).await;
    let found = signing.fault(&[without_last, second].concat());
    assert_eq!(found, "stdin:3: seq 4: goes on from no line: seq 3 to 3, after stdin:2, were likely removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_the_log_anew_has_no_key_to_sign_it() {
    let mut signing = Signing::start("1h");
    signing.ask(1, 2).await;
    signing.ask(3, 5).await;
    let lines = signing.stop(false);
    let forged = relinked(&lines, 0, |record| record["subject"] = json!("bob"));
    assert_eq!(logs(&["verify", "-"], text(&forged)).0, DONE, "the chain alone can't show it");
    assert_eq!(
        signing.fault(&forged),
        "stdin:2: seq 2: the checkpoint is of another line with the number of the one before: that one, or one further \
         up, was changed and the hashes written anew"
    );
    let mut moved = lines.clone();
    moved.swap(1, 2);
    assert_eq!(
        signing.fault(&relinked(&moved, 0, |_| ())),
        "stdin:3: seq 3: the checkpoint is of another line (seq 1): it was moved or copied"
    );
    let without: Vec<_> = lines.iter().filter(|line| !is_checkpoint(line)).cloned().collect();
    let without = relinked(&without, 0, |record| record["subject"] = json!("bob"));
    assert_eq!(signing.fault(&without), "stdin:4: seq 4: no checkpoint signs the records up to here");
    // Signed with the forger's own key.
    let other = Signing::start("1h");
    let theirs = other.ask(1, 2).await;
    let found = signing.fault(&theirs);
    assert!(found.starts_with("stdin:2: seq 2: the checkpoint is signed by none of the keys (its key: "), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_go_unsigned_for_too_long_show() {
    let mut signing = Signing::start("1s");
    let lines = signing.ask(1, 2).await;
    signing.stop(true);
    let tail = |from: &str, to: &str| {
        let records = [from, to].map(|time| json!({ "time": time, "decision": "allow" }).to_string());
        relinked(&[&lines[..], &records].concat(), 2, |_| ())
    };
    let (code, out) = signing.verify(&tail("2026-11-26T10:00:00.000Z", "2026-11-26T10:01:00.000Z"));
    assert!(code == DONE && out.contains("Z, but for the last 2 record(s)\n"), "{out}");
    let found = signing.fault(&tail("2026-11-26T10:00:00.000Z", "2026-11-26T10:05:01.500Z"));
    let said = "no checkpoint signs the last 2 record(s), though 5m 1s passed: likely written anew";
    assert_eq!(found, format!("stdin:4: seq 4: {said}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_no_view_shows_is_a_fault() {
    let mut signing = Signing::start("1h");
    let lines = signing.ask(2, 3).await;
    signing.stop(true);
    for time in [json!("today"), json!(null)] {
        let undated = relinked(&lines, 2, |record| record["time"] = time.clone());
        assert_eq!(
            signing.fault(&undated),
            "stdin:3: seq 3: a record without a time that can be read, which no view shows"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_warned_of_before_the_start_that_refuses_the_state() {
    let mut signing = Signing::start("1h");
    signing.ask(1, 2).await;
    let file = signing.public.with_extension("pem");
    fs::write(&file, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem()).unwrap();
    let warned = async || signing.gate.log().contains("the next start refuses it").then_some(());
    eventually("a warning", warned).await;
    signing.stop(false);
    let refused = command().args(["serve", "--config"]).arg(signing.gate.plan.file()).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("it was not sealed with this `checkpoint.key_file`"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_for_something_else_is_no_checkpoint() {
    let signing = Signing::start("1h");
    let lines = signing.ask(1, 2).await;
    let token = signing.gate.token();
    for checkpoint in [json!("no token"), json!(token), json!("")] {
        let forged = relinked(&lines, 1, |line| line["checkpoint"] = checkpoint.clone());
        assert_eq!(signing.fault(&forged), "stdin:2: seq 2: no checkpoint, although it is called so");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_is_in_no_chain_shows() {
    let signing = Signing::start("1h");
    let lines = signing.ask(1, 2).await;
    let forged: Value = serde_json::from_str(&lines[0]).unwrap();
    for change in ["no link", "a word for a number", "a number twice"] {
        let mut line = forged.clone();
        line["subject"] = json!("mallory");
        match change {
            "no link" => line.as_object_mut().unwrap().retain(|name, _| !["seq", "prev"].contains(&name.as_str())),
            "a word for a number" => line["seq"] = json!("1"),
            _ => {}
        }
        let mut line = line.to_string();
        if change == "a number twice" {
            line = line.replacen('{', "{\"seq\":1,", 1);
        }
        let mut with = lines.clone();
        with.insert(1, line);
        assert_eq!(
            signing.fault(&with),
            "stdin:2: it says what a record says and is in no chain: put in by somebody",
            "{change}"
        );
    }
    // Values that one reader passes over and another stumbles on.
    let odd = ["1e999", &("[".repeat(200) + &"]".repeat(200)), "\"\\ud800\""];
    for value in odd {
        let (before, _) = lines[0].split_once(",\"seq\":").unwrap();
        let line = format!("{before},\"z\":{value}}}");
        let (_, shown, _) = logs(&["--json"], &line);
        assert_eq!(shown.lines().count(), 1, "{value} is shown");
        let mut with = lines.clone();
        with.insert(1, line);
        assert!(signing.fault(&with).contains("in no chain"), "{value}");
    }
    // What others write to the same log may be there.
    let mut with = lines.clone();
    with.insert(1, json!({ "level": "INFO", "message": "serving", "seq": 1 }).to_string());
    assert_eq!(signing.verify(&with).0, DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_hides_beside_a_checkpoint() {
    let mut signing = Signing::start("1h");
    signing.ask(1, 2).await;
    let mut lines = signing.stop(false);
    let record: Value = serde_json::from_str(&lines[0]).unwrap();
    let last = lines.len() - 1;
    let mut checkpoint: Value = serde_json::from_str(&lines[last]).unwrap();
    for (name, value) in record.as_object().unwrap() {
        if checkpoint.get(name).is_none() {
            checkpoint[name] = value.clone();
        }
    }
    lines[last] = checkpoint.to_string();
    assert!(signing.fault(&lines).ends_with("no checkpoint, although it is called so"));
    assert_eq!(logs(&["verify", "-"], text(&lines)).0, REFUSED, "nor without a key");
    let (code, out, err) = logs(&["--json"], text(&lines));
    assert_eq!((code, out.lines().count()), (DONE, 1));
    assert!(err.contains("1 line(s) are no decision record"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_follows_a_signed_end_but_what_a_process_signs_at_once() {
    let mut signing = Signing::start("1h");
    signing.ask(1, 2).await;
    let mut lines = signing.stop(false);
    let from = lines.len();
    lines.push(lines[0].clone());
    let lines = relinked(&lines, from, |_| ());
    let said = "no checkpoint signs the last 1 record(s), though a process begins with one";
    assert_eq!(signing.fault(&lines), format!("stdin:4: seq 4: {said}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hopgate_signs_no_past_that_somebody_made_up() {
    let mut signing = Signing::start("1h");
    let forged = signing.ask(1, 2).await;
    signing.stop(true);
    let state = signing.gate.plan.file().with_file_name("audit.state");
    let made_up = json!({ "seq": 2, "hash": hash(&forged[1]) }).to_string() + "\n";
    fs::write(&state, made_up).unwrap();
    let output = command().args(["serve", "--config"]).arg(signing.gate.plan.file()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("it is not sealed, so anybody may have written it; to begin a new chain, move it away"),
        "{said}"
    );
}

#[test]
fn only_public_keys_that_can_sign_checkpoints_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let other_curve = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let private = KeyPair::generate().unwrap().serialize_pem();
    for pem in ["", "hello", &other_curve.public_key_pem(), &private] {
        fs::write(&file, pem).unwrap();
        let (code, _, err) = logs(&["verify", "-", "--key", file.to_str().unwrap()], "");
        assert_eq!(code, FAULTS);
        assert!(err.contains("expected public P-256 keys in PEM"), "{err}");
    }
    assert_eq!(logs(&["verify", "-", "--key", "/nowhere"], "").0, FAULTS);
}
