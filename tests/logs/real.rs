//! Records of a real run, and the command run on them.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::gate::command;
use crate::support::tokens::{alice, of};
use crate::support::{Call, Plan, eventually, spiffe};

pub(super) const DONE: i32 = 0;
pub(super) const USAGE: i32 = 2;
pub(super) const FAULTS: i32 = 3;
pub(super) const REFUSED: i32 = 4;

/// What [`records`] has of each decision.
pub(super) const ALLOWED: usize = 5;
pub(super) const ALL: usize = 11;

/// The lines that one process wrote: calls that pass, are refused in several ways, or would be.
pub(super) async fn records() -> &'static [String] {
    static LINES: OnceCell<Vec<String>> = OnceCell::const_new();
    LINES.get_or_init(run_once).await
}

/// A process of its own, which is asked what [`records`] are about.
pub(super) async fn run_once() -> Vec<String> {
    let gate = Plan::new().set("/enforcement", json!({ "caller": "observe" })).start();
    let forged = {
        let (input, signature) = (gate.token(), gate.token());
        format!("{}.{}", input.rsplit_once('.').unwrap().0, signature.rsplit_once('.').unwrap().1)
    };
    let by = |actors: &[&str]| gate.mint(&of("alice").actors(actors.iter().copied()));
    let once = gate.token();
    let researcher = by(&["researcher", "planner"]);
    let calls = [
        Call::get("/invoices").bearer(&by(&["planner"])).peer(&spiffe("planner")),
        Call::get("/invoices/7?secret=marker").bearer(&researcher).peer(&spiffe("researcher")),
        Call::refund(&once),
        Call::refund(&once),
        Call::new("POST", "/invoices/7/refund").bearer(&researcher),
        Call::get("/invoices").bearer(&by(&["stranger"])),
        Call::get("/invoices").peer(&spiffe("planner")),
        Call::get("/invoices").bearer(&forged),
        Call::get("/nowhere").bearer(&gate.mint(&alice())),
        Call::get("/bound").bearer(&by(&["planner"])).peer(&spiffe("researcher")),
        Call::get("/bound").bearer(&researcher).peer(&spiffe("planner")),
    ];
    for call in &calls {
        gate.ask(call).await;
    }
    eventually("all records", async || (gate.service.lines().len() == calls.len()).then_some(())).await;
    gate.service.lines()
}

pub(super) fn text(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// Runs `hopgate logs` with `arguments` and `stdin`: exit code, stdout, stderr.
pub(super) fn logs(arguments: &[&str], stdin: impl AsRef<[u8]>) -> (i32, String, String) {
    let mut program = command();
    program.arg("logs").args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    let pipes = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.as_ref().to_vec();
    // Who does not read it all closes the pipe, which is no fault of the test.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// `lines` with steady times, durations and ids, for snapshots.
pub(super) fn steady(lines: &[String]) -> String {
    let steady = lines.iter().enumerate().map(|(at, line)| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["time"] = json!(format!("2026-11-24T19:27:{at:02}.362Z"));
        record["decision_id"] = json!(format!("01a20f06-bc32-75d6-82b6-{at:012}"));
        record["duration_us"] = json!((at + 1) * 100);
        record.to_string()
    });
    text(&steady.collect::<Vec<_>>())
}

/// `lines` with `change` made to the one at `at`.
pub(super) fn changed(lines: &[String], at: usize, change: impl FnOnce(&mut Value)) -> String {
    let mut lines = lines.to_vec();
    let mut record: Value = serde_json::from_str(&lines[at]).unwrap();
    change(&mut record);
    lines[at] = record.to_string();
    text(&lines)
}
