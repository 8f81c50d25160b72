//! `hopgate.decision.v1.DecisionService`.

use std::time::Duration;

use hopgate::audit::Followed;
use hopgate::watch::follow;
use serde_json::{Value, json};

use super::stage::{decide, followed, next, next_line, watched};
use crate::support::{Call, Plan, SOON};

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_gets_the_recent_lines_and_then_each_as_it_is_written() {
    let (mut gate, address) = watched();
    let before = decide(&mut gate).await;
    let mut stream = followed(&address.to_string()).await;
    let after = decide(&mut gate).await;
    for record in [before, after] {
        let line = next_line(&mut stream).await;
        assert!(gate.service.lines().contains(&line), "as written: {line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), record);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_served_on_a_unix_socket_as_well_with_the_mode_of_the_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let plan = Plan::new();
    let (path, mode) = (plan.dir.path("watch"), "0600");
    let address = format!("unix:{}", path.display());
    let mut gate = plan.set("/watch", json!(address)).set("/socket_mode", json!(mode)).start();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let record = decide(&mut gate).await;
    let line = next_line(&mut followed(&address).await).await;
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), record);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_lines_are_kept_for_those_who_begin() {
    let (mut gate, address) = watched();
    for _ in 0..hopgate::watch::RECENT + 8 {
        gate.ask(&Call::get("/nowhere")).await;
    }
    let last = decide(&mut gate).await;
    let mut stream = followed(&address.to_string()).await;
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &Value| line["decision_id"] != last["decision_id"]) {
        lines.push(serde_json::from_str(&next_line(&mut stream).await).unwrap());
    }
    assert_eq!(lines.len(), hopgate::watch::RECENT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_does_not_read_slows_nobody_and_is_told_what_it_missed() {
    let (gate, address) = watched();
    let mut stream = followed(&address.to_string()).await;
    // Records of a long path fill what lies between with few of them.
    let call = Call::get(&format!("/{}", "x".repeat(1000)));
    let mut asked = 0_u64;
    for _ in 0..60 {
        let asking: Vec<_> = (0..100).map(|_| gate.ask(&call)).collect();
        for answer in futures_util::future::join_all(asking).await {
            assert_eq!(answer.status, 403);
            asked += 1;
        }
    }
    let (mut seen, mut missed) = (0, 0);
    while seen + missed < asked {
        match next(&mut stream).await {
            Followed::Line(_) => seen += 1,
            Followed::Missed(lines) => missed += lines,
        }
    }
    assert!(missed > 0, "{seen} seen");
    assert_eq!(seen + missed, asked, "what was not seen was counted");
    assert!((gate.metric("hopgate_records_refused_total") - 0.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_followers_and_no_more_until_one_goes() {
    let (_gate, address) = watched();
    let address = address.to_string();
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(followed(&address).await);
    }
    let refused = follow(&address.parse().unwrap()).await.err().expect("refused").to_string();
    assert!(refused.contains("16 are following already"), "{refused}");
    streams.pop();
    let again = async {
        while follow(&address.parse().unwrap()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, again).await.expect("a place became free");
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_do_not_keep_a_process_from_ending() {
    let (mut gate, address) = watched();
    let mut stream = followed(&address.to_string()).await;
    let record = decide(&mut gate).await;
    assert_eq!(serde_json::from_str::<Value>(&next_line(&mut stream).await).unwrap(), record);
    assert!(gate.service.stop().expect("ended").success());
}
