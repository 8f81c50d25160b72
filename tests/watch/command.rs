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
    assert_eq!(logs.wait(SOON).unwrap().code(), Some(3));
    let said = logs.stderr().unwrap();
    assert!(said.contains(": the connection broke, as it does when a hopgate stops"), "{said}");
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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_watch_is_told_from_one() {
    let (gate, _) = watched();
    for address in [gate.admin().to_string(), format!("unix:{}", gate.socket().display())] {
        let output = command().args(["logs", "--from", &address]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains(": what answers there is not the `watch` of a hopgate ("), "{text}");
    }
}

#[test]
fn an_address_that_nobody_serves_or_that_is_none_is_told() {
    let nobody = testbed::ports::free().unwrap().to_string();
    for (address, code, said) in [
        (nobody.as_str(), 3, "can't connect: Connection refused"),
        ("unix:/nowhere/at.all", 3, "can't connect: No such file or directory"),
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
