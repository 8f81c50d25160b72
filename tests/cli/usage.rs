//! The command line as such, and `hopgate schema`.

use std::path::Path;

use serde_json::{Value, json};

use super::{DONE, USAGE, run};
use crate::support::Plan;
use crate::support::plan::set;

#[test]
fn wrong_usage_is_2() {
    for args in [&[][..], &["nothing"], &["serve"], &["check"], &["check", "a", "b"], &["explain"], &["schema", "x"]] {
        assert_eq!(run(args).0, USAGE, "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        assert_eq!(run(args).0, DONE, "{args:?}");
    }
}

#[test]
fn the_schema_is_one_and_accepts_every_sample() {
    let (code, out, _) = run(&["schema"]);
    assert_eq!(code, DONE);
    let schema: Value = serde_json::from_str(&out).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&Plan::new().config));
    let mut unknown = Plan::new().config;
    set(&mut unknown, "/services/0/routes/0/policy", json!("x"));
    assert!(!validator.is_valid(&unknown));
    let mut samples = 0;
    for folder in ["", "demo", "k8s", "examples", "benches/through_envoy"] {
        let Ok(entries) = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.extension().is_some_and(|end| end == "yaml") && text.contains("\nissuers:") {
                let sample: Value = serde_saphyr::from_str(&text).expect("YAML");
                let faults: Vec<_> = validator.iter_errors(&sample).map(|error| error.to_string()).collect();
                assert_eq!(faults, Vec::<String>::new(), "{}", path.display());
                samples += 1;
            }
        }
    }
    assert!(samples > 0, "no sample was found");
}
