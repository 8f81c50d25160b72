use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testbed::ports;
use tonic::transport::Endpoint;

use crate::support::gate::command;
use crate::support::{Answer, Call, Plan, SOON, eventually, http};

const REFUSED: &str = "503 temporarily_unavailable record_refused";

/// hopgate whose stdout only the test reads, if it wants to.
struct Unread {
    plan: Plan,
    child: Child,
}

impl Drop for Unread {
    fn drop(&mut self) {
        // It may have ended already, which is what some tests want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Unread {
    fn start(plan: Plan) -> (Self, ChildStdout) {
        plan.write();
        let mut program = command();
        program.args(["serve", "--config"]).arg(plan.file());
        let stderr = std::fs::File::create(plan.dir.root().join("stderr")).expect("a file");
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn().expect("a process");
        let stdout = child.stdout.take().expect("a pipe");
        ports::wait_for_unix(&plan.socket(), SOON).expect("a listener");
        (Self { plan, child }, stdout)
    }

    /// `None` once nobody answers any more.
    async fn ask(&self) -> Option<Answer> {
        let endpoint = Endpoint::from_shared(format!("unix:{}", self.plan.socket().display())).expect("an endpoint");
        let mut client = envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient::new(
            endpoint.connect_lazy(),
        );
        let token = crate::support::tokens::alice().sign(&self.plan.key).expect("signed");
        let answer = client.check(Call::get("/open").bearer(&token).message());
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await.expect("no call hangs").ok()?;
        Some(Answer::of(answer.into_inner()))
    }

    fn metrics(&self) -> String {
        http::get(self.plan.admin, "/metrics").text()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_reads_the_records_calls_are_refused_and_none_hangs_and_reading_goes_on() {
    let (unread, stdout) = Unread::start(Plan::new().set("/audit/queue", json!(64)));
    let mut allowed = 0_u64;
    let refused = loop {
        let answer = unread.ask().await.expect("an answer");
        match answer.verdict().as_str() {
            "ok" => allowed += 1,
            verdict => {
                assert_eq!(verdict, REFUSED);
                break answer;
            }
        }
        assert!(allowed < 10_000, "a pipe holds 64 KiB");
    };
    assert_eq!(unread.ask().await.expect("an answer").verdict(), REFUSED);
    assert!(unread.metrics().contains("hopgate_records_refused_total 2"), "{}", unread.metrics());

    let mut lines = BufReader::new(stdout).lines();
    let mut read = async || -> Value {
        let line = lines.next().expect("a line").expect("UTF-8");
        serde_json::from_str(&line).expect("JSON")
    };
    let mut last = 0;
    for _ in 0..allowed {
        let record = read().await;
        let seq = record["seq"].as_u64().expect("a number");
        assert!(seq > last, "all that were allowed are there, in order");
        last = seq;
        assert_eq!(record["decision"], "allow");
        assert_ne!(record["decision_id"], *refused.decision_id());
    }
    eventually("calls to be allowed again", async || {
        (unread.ask().await.expect("an answer").verdict() == "ok").then_some(())
    })
    .await;
    let seq = read().await["seq"].as_u64().expect("a number");
    assert!(seq >= allowed + 3, "the refused ones leave a gap: {allowed} allowed, the next is {seq}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_reader_is_gone_calls_are_refused_and_the_process_ends_with_an_error() {
    let (mut unread, stdout) = Unread::start(Plan::new());
    assert_eq!(unread.ask().await.expect("an answer").verdict(), "ok");
    drop(stdout);
    let mut after = Vec::new();
    let status = eventually("the end", async || {
        after.extend(unread.ask().await.map(|answer| answer.verdict()));
        unread.child.try_wait().expect("a child")
    })
    .await;
    assert_eq!(status.code(), Some(1));
    let lost = after.iter().filter(|verdict| *verdict == "ok").count();
    // The one whose record was accepted before the writer could know.
    assert!(lost <= 1, "{after:?}");
    assert!(after.iter().all(|verdict| verdict == "ok" || verdict == REFUSED), "{after:?}");
    let said = std::fs::read_to_string(unread.plan.dir.root().join("stderr")).expect("stderr");
    assert!(said.contains("record"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_written_to_a_full_disk_are_not_lost_silently() {
    let plan = Plan::new();
    plan.write();
    let mut program = command();
    program.args(["serve", "--config"]).arg(plan.file());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux");
    let child = program.stdin(Stdio::null()).stdout(full).stderr(Stdio::null()).spawn().expect("a process");
    ports::wait_for_unix(&plan.socket(), SOON).expect("a listener");
    let mut unread = Unread { plan, child };
    let mut allowed = 0;
    eventually("a refusal", async || {
        let verdict = unread.ask().await.expect("an answer").verdict();
        allowed += usize::from(verdict == "ok");
        (verdict == REFUSED).then_some(())
    })
    .await;
    // The one whose record was accepted before the writer could know.
    assert!(allowed <= 1, "{allowed} calls were allowed without a record");
    // A disk may be emptied, and a process that ended could refuse nobody.
    for _ in 0..5 {
        assert_eq!(unread.ask().await.expect("an answer").verdict(), REFUSED);
    }
    assert!(unread.child.try_wait().expect("a child").is_none(), "it goes on refusing");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_go_on_with_the_same_chain() {
    let gate = crate::support::Gate::start(Plan::new().set("/audit/state_file", json!("audit.state")));
    // Of its own in everything else.
    let plan = Plan::new().set("/audit/state_file", json!(gate.plan.file().with_file_name("audit.state")));
    plan.write();
    let output = command().args(["serve", "--config"]).arg(plan.file()).output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("can't start the record writer: state file `"), "{said}");
    assert!(said.contains("another process writes it"), "{said}");
}
