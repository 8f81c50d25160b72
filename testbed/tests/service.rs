//! A child process as a test sees it.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use testbed::{Error, Service, Signal};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Service {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Service::start("the shell", command).expect("a shell")
}

#[test]
fn a_line_is_found_whether_it_came_before_or_after_the_question() {
    let mut service = shell("echo one; echo two; sleep 0.1; echo three; exec sleep 60");
    let three = service.wait_for_line(SOON, |line| line == "three");
    assert_eq!(three.expect("the last line"), "three");
    let one = service.wait_for_line(SOON, |line| line.starts_with('o'));
    assert_eq!(one.expect("an earlier line"), "one");
    assert_eq!(service.lines(), ["one", "two", "three"]);
}

#[test]
fn waiting_in_vain_shows_the_last_line() {
    let mut service = shell("echo something else; exec sleep 60");
    let error = service.wait_for_line(Duration::from_millis(300), |line| line == "wanted").expect_err("no such line");
    assert!(error.to_string().contains("something else"), "{error}");
}

#[test]
fn a_service_that_ends_early_shows_its_stderr() {
    let mut service = shell("echo the reason >&2; exit 3");
    match service.wait_for_line(SOON, |_| true) {
        Err(Error::Ended { status, stderr, .. }) => {
            assert_eq!(status, "exit status: 3");
            assert_eq!(stderr, "the reason\n");
        }
        other => assert!(matches!(other, Err(Error::Ended { .. })), "{other:?}"),
    }
}

#[test]
fn stop_asks_before_it_kills() {
    let mut polite = shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    polite.wait_for_line(SOON, |line| line == "ready").expect("started");
    assert_eq!(polite.stop().expect("ended").code(), Some(7));

    let mut deaf = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    deaf.wait_for_line(SOON, |line| line == "ready").expect("started");
    assert_eq!(deaf.stop().expect("killed").signal(), Some(Signal::KILL.as_raw()));
}

#[test]
fn drop_ends_the_process() {
    let service = shell("exec sleep 60");
    let proc = format!("/proc/{}", service.id());
    assert!(std::path::Path::new(&proc).exists());
    drop(service);
    assert!(!std::path::Path::new(&proc).exists());
}

#[test]
fn cpu_time_and_memory_are_of_the_process() {
    let mut busy = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; while :; do sleep 0.05; done");
    busy.wait_for_line(SOON, |line| line == "done").expect("counted");
    assert!(busy.cpu_time().expect("a live process") >= Duration::from_millis(10));
    assert!(busy.resident_bytes().expect("a live process") > 100_000);
}
