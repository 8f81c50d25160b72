//! The schema of the values holds the schema of hopgate's configuration, so that a misspelled route fails in Helm already.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

const FILE: &str = "k8s/chart/hopgate/values.schema.json";

/// What the chart sets itself.
const PLACED: [&str; 4] = ["listen", "socket_mode", "admin", "tls"];

/// `hopgate schema` without what the chart places.
fn configuration() -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_hopgate")).arg("schema").output().expect("it runs");
    let mut schema: Value = serde_json::from_slice(&output.stdout).expect("a schema");
    let top = schema.as_object_mut().expect("an object");
    for keyword in ["$schema", "title"] {
        top.remove(keyword);
    }
    // References inside it are from here, not from the top of the chart's schema.
    top.insert("$id".to_owned(), json!("urn:hopgate:configuration"));
    top.insert(
        "description".to_owned(),
        json!("hopgate's configuration as in docs/configuration.md; listen, socket_mode, admin and tls are set by the chart"),
    );
    let properties = top["properties"].as_object_mut().expect("properties");
    for placed in PLACED {
        properties.remove(placed);
    }
    top["required"].as_array_mut().expect("required").retain(|name| !PLACED.iter().any(|placed| name == placed));
    schema
}

/// `INSTA_UPDATE=always cargo test --test chart` writes it anew, as with snapshots.
#[test]
fn the_schema_of_the_values_holds_that_of_the_configuration() {
    let text = fs::read_to_string(FILE).expect("the schema");
    let mut schema: Value = serde_json::from_str(&text).expect("JSON");
    let wanted = configuration();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        schema["$defs"]["config"] = wanted.clone();
        fs::write(FILE, format!("{schema:#}\n")).expect("written");
    }
    assert!(schema["$defs"]["config"] == wanted, "the configuration changed: run with INSTA_UPDATE=always");
}
