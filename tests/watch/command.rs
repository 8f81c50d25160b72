//! `hopgate logs --from`

use rustix::process::Signal;
use testbed::Service;

use super::stage::{decide, watched};
use crate::support::gate::command;
use crate::support::{Call, SOON};

fn logs(args: &[&str]) -> Service {
    let mut logs = command();
    logs.arg("logs").args(args);
    Service::start("logs", logs).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_follows_a_running_hopgate_with_all_its_filters() {
    let (mut gate, address) = watched();
    decide(&mut gate).await;
    let mut logs = logs(&["--from", &address.to_string(), "--decision", "deny", "--json"]);
    let answer = gate.ask(&Call::get("/nowhere").bearer(&gate.token())).await;
    let record = gate.record(&answer);
    let line = logs.wait_for_line(SOON, |_| true).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), record);
    gate.service.stop().unwrap();
    assert_eq!(logs.wait(SOON).unwrap().code(), Some(3), "it says that the other end is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_the_end_of_what_a_summary_is_about() {
    let (mut gate, address) = watched();
    decide(&mut gate).await;
    let mut shown = logs(&["--from", &address.to_string()]);
    assert!(shown.wait_for_line(SOON, |_| true).unwrap().contains("ALLOW"));
    shown.signal(Signal::INT);
    assert_eq!(shown.wait(SOON).unwrap().code(), Some(0));
}

#[test]
fn an_address_that_nobody_serves_or_that_is_none_is_told() {
    let nobody = testbed::ports::free().unwrap().to_string();
    for (address, code, said) in [
        (nobody.as_str(), 3, "can't connect to"),
        ("unix:/nowhere/at.all", 3, "can't connect to"),
        ("here", 2, "expected `unix:/path/to.sock` or an address such as `127.0.0.1:9903`"),
    ] {
        let output = command().args(["logs", "--from", address]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{text}");
    }
    let both = command().args(["logs", "--from", &nobody, "file"]).output().unwrap();
    assert_eq!(both.status.code(), Some(2));
}
