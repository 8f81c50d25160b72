//! Runs promtool on files made for one test.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// What promtool says of `words` in `folder`: an error if it finds fault.
pub(crate) fn run(folder: &Path, words: &[&str]) -> Result<(), String> {
    let output = testbed::promtool().expect("promtool").args(words).current_dir(folder).output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said).into_owned()) }
}

/// Files in a folder of their own, with promtool's `words` about them. JSON is YAML.
pub(crate) fn about(files: &[(&str, &Value)], words: &[&str]) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content.to_string()).expect("written");
    }
    run(folder.path(), words)
}

/// Holds what each expression gives over `series` after five minutes, with `rules` in force, against the samples expected.
pub(crate) fn expressions(rules: &Value, series: &[Value], expected: &[(String, Value)]) -> Result<(), String> {
    let tests: Vec<_> = expected
        .iter()
        .map(|(expression, samples)| json!({ "expr": expression, "eval_time": "5m", "exp_samples": samples }))
        .collect();
    let test = json!({
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "15s",
        "tests": [{ "interval": "15s", "input_series": series, "promql_expr_test": tests }],
    });
    about(&[("rules.yaml", rules), ("test.yaml", &test)], &["test", "rules", "test.yaml"])
}
