//! Values of one filter are alternatives; different filters must all fit.

use super::real::{ALL, ALLOWED, DONE, USAGE, logs, records, text};
use crate::support::spiffe;

/// How many records fit.
async fn found(arguments: &[&str]) -> usize {
    let (code, out, err) = logs(&[&["--json"], arguments].concat(), text(records().await));
    let found = out.lines().count();
    let said = if found == 0 { format!("hopgate: none of {ALL} record(s) fits\n") } else { String::new() };
    assert_eq!((code, err), (DONE, said), "{arguments:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_finds_what_it_names() {
    let peer = spiffe("planner");
    for (arguments, expected) in [
        (&[][..], ALL),
        (&["--service", "invoices"], ALL),
        (&["--service", "other"], 0),
        (&["--route", "refund"], 3),
        (&["--decision", "allow"], ALLOWED),
        (&["--decision", "deny"], ALL - ALLOWED),
        (&["--decision", "allow", "--decision", "deny"], ALL),
        (&["--reason", "token_replayed"], 1),
        (&["--reason", "token_replayed", "--reason", "route_unknown"], 2),
        // Of an observed check, too.
        (&["--reason", "caller_not_actor"], 2),
        (&["--would-deny"], 2),
        (&["--check", "delegation"], 1),
        (&["--check", "caller"], 0),
        (&["--peer", &peer], 3),
        (&["--tool", "refund"], 0),
        // Anywhere in the chain.
        (&["--agent", "researcher"], 3),
        (&["--agent", "planner", "--agent", "stranger", "--route", "bound"], 2),
        (&["--agent", "researcher", "--decision", "deny"], 1),
        // A search for a subject never finds a forgery, unless that is asked for.
        (&["--subject", "alice"], 8),
        (&["--subject", "alice", "--claimed"], 9),
        (&["--subject", "bob"], 0),
        (&["--since", "1h"], ALL),
        (&["--until", "1h"], 0),
        (&["--since", "2020-01-01T00:00:00Z", "--until", "2021-01-01T00:00:00Z"], 0),
        (&["--until", "2999-01-01T00:00:00Z"], ALL),
    ] {
        assert_eq!(found(arguments).await, expected, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_found_by_the_end_of_its_id() {
    let record: serde_json::Value = serde_json::from_str(&records().await[3]).unwrap();
    let id = record["decision_id"].as_str().unwrap();
    assert_eq!((found(&["--id", id]).await, found(&["--id", &id[24..]]).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_this_version_does_not_know_is_said() {
    // A record of another version may have it, so it is looked for all the same.
    for (arguments, said) in [
        (["--reason", "token_replyed"], "no reason of this version is called `token_replyed`; is it `token_replayed`?"),
        (["--check", "zzz"], "no check of this version is called `zzz`"),
    ] {
        let (code, _, err) = logs(&arguments, text(records().await));
        assert_eq!((code, err), (DONE, format!("hopgate: {said}\nhopgate: none of {ALL} record(s) fits\n")));
    }
    let (_, _, err) = logs(&["--check", "scopes"], "");
    assert_eq!(err, "hopgate: no decision record was read\n");
}

#[test]
fn a_time_that_is_none_is_wrong_usage() {
    for time in ["yesterday", "", "99999999999999y"] {
        let (code, _, err) = logs(&["--since", time], "");
        assert_eq!(code, USAGE, "{err}");
    }
}
