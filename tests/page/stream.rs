//! A stream that ends, lags or comes back.

use serde_json::json;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_said_and_found_again() {
    let visit = Stage::new().visit_whatever_fails("stream");
    let found = visit.found;
    assert_eq!(found["states"], json!(["Live", "Reconnecting", "Live"]));
    assert!(
        found["stale"].as_str().is_some_and(|words| words.starts_with("State is ")),
        "an old state is called old: {found}"
    );
    assert_eq!(found["after"], 2, "what was held stays, and what is new is added");
    assert_eq!(visit.elsewhere, Vec::<String>::new());
    for fault in visit.faults {
        assert!(fault.contains("ERR_"), "only that nobody answered: {fault}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_finds_no_place_says_so_and_comes_in_later() {
    let visit = Stage::new().visit_whatever_fails("crowded");
    assert_eq!(visit.found, json!(["Reconnecting", "Live"]));
    assert!(visit.faults.iter().all(|fault| fault.contains("503")), "{:?}", visit.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_by_unseen_is_counted_and_what_is_held_is_bounded() {
    let found = Stage::new().visit("missed");
    assert_eq!(found["missed"], "Missed 12: ask the log for them");
    assert_eq!(found["more"], "Missed 17: ask the log for them", "a gap after a lost connection counts, too");
    assert_eq!(found["held"], "1,000 of 1,000 held");
    assert_eq!(found["rows"], 200);
}
