//! Any bytes as a review, and as a pod: there is always an answer, a labelled pod never passes as it is, and one that was
//! injected is whole.

#![no_main]

use std::sync::LazyLock;

use hopgate::inject::{ChosenBy, Outcome, Pass, Question, Settings, answer, inject, load};
use hopgate_fuzz::folder;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let file = folder().join("inject.yaml");
    std::fs::write(&file, "hopgate: { image: hopgate }\nenvoy: { image: envoy }\n").expect("a folder of our own");
    load(&file).expect("good settings")
});

fuzz_target!(|bytes: &[u8]| {
    for pass in [Pass::Mutate, Pass::Validate] {
        for chosen_by in [ChosenBy::Pod, ChosenBy::Namespace] {
            let answered = answer(bytes, Question { pass, chosen_by }, &SETTINGS);
            let review: Value = serde_json::from_slice(&answered.body).expect("an answer is JSON");
            let response = &review["response"];
            let is_allowed = response["allowed"].as_bool().expect("a verdict");
            assert_eq!(is_allowed, !matches!(answered.outcome, Outcome::Refused | Outcome::Unreadable));
            assert_eq!(response["patch"].is_string(), answered.outcome == Outcome::Injected);
            assert!(pass == Pass::Mutate || answered.outcome != Outcome::Injected);
        }
    }
    let Ok(mut pod) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(injection) = inject(&pod, &SETTINGS) {
        json_patch::patch(&mut pod, &injection.patch).expect("a patch that fits");
        let again = inject(&pod, &SETTINGS).expect("what was injected is not refused");
        assert!(again.patch.is_empty(), "{:?}", again.added);
        assert_eq!(again.awaited, injection.awaited);
    }
});
