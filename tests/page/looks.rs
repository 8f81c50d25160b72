//! How the page looks: nobody is barred from it, in both schemes and at the width of a phone.

use serde_json::json;

use super::stage::Stage;

const DEEDS: [&str; 7] = [
    "allow",
    "allow a chain",
    "refuse without a token",
    "refuse a forgery",
    "would refuse",
    "refuse a stranger",
    "refuse the chain",
];

/// Pictures of both schemes go to `target/page`, for people.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_bars_people_in_light_and_dark_wide_and_narrow() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        for deed in DEEDS {
            stage.act(deed).await;
        }
    }
    std::fs::create_dir_all("target/page").unwrap();
    let found = stage.visit("looks");
    let pictures = found.as_object().unwrap();
    assert_eq!(pictures.len(), 8);
    for (picture, found) in pictures {
        assert_eq!(found["bars"], json!([]), "{picture}");
        assert_eq!(found["overflows"], false, "{picture}");
    }
}
