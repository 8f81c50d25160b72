//! Names that somebody made to be more than names.

use super::stage::{CLOSING, MARKUP, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_text_and_break_nothing() {
    let found = Stage::new().visit("hostile");
    assert!(found["subject"].as_str().unwrap().starts_with(MARKUP), "{found}");
    assert_eq!(found["prior"], CLOSING);
    assert_eq!(found["actor"], "\u{5d0}\u{5d1}\u{fffd} planner");
    assert_eq!(found["made"], 0, "no element came of a name");
    assert_eq!(found["title"], "(1 refused) invoices hopgate");
    assert_eq!(found["isolated"], true, "the direction of a name ends with it");
    assert_eq!(found["overflows"], serde_json::json!([]), "no width is too narrow");
    assert_eq!(found["last_seen"], true, "a long name hides nobody who comes after");
}
