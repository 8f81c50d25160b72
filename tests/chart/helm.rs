//! Helm and the schemas of Kubernetes, as programs.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use testbed::kubernetes;

pub(crate) const CHART: &str = "k8s/chart/hopgate";
pub(crate) const NAMESPACE: &str = "hopgate-system";

pub(crate) fn helm() -> Command {
    kubernetes::helm().expect("Helm")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Values of the file `k8s/values/NAME.yaml`.
pub(crate) fn example(name: &str) -> Value {
    let text = fs::read_to_string(format!("k8s/values/{name}.yaml")).expect("an example");
    serde_saphyr::from_str(&text).expect("YAML")
}

/// Every object that the chart makes of `values`, or what Helm said.
pub(crate) fn template(values: &Value) -> Result<Vec<Value>, String> {
    let dir = TempDir::new().expect("a directory");
    let file = write(&dir, values);
    let output = helm()
        .args(["template", "hopgate", CHART, "--namespace", NAMESPACE, "--kube-version", "1.33", "--values"])
        .arg(file)
        .output()
        .expect("Helm runs");
    if !output.status.success() {
        return Err(said(&output));
    }
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("YAML");
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

pub(crate) fn lint(values: &Value) {
    let dir = TempDir::new().expect("a directory");
    let file = write(&dir, values);
    let output = helm().args(["lint", "--strict", CHART, "--values"]).arg(file).output().expect("Helm runs");
    assert!(output.status.success(), "{}", said(&output));
}

/// What `helm install` prints at its end.
pub(crate) fn notes(values: &Value) -> String {
    let dir = TempDir::new().expect("a directory");
    let file = write(&dir, values);
    let output = helm()
        .args(["install", "hopgate", CHART, "--namespace", NAMESPACE, "--dry-run=client", "--values"])
        .arg(file)
        .output()
        .expect("Helm runs");
    assert!(output.status.success(), "{}", said(&output));
    said(&output).split_once("NOTES:").expect("notes").1.to_owned()
}

/// Holds `objects` against the schemas of a Kubernetes `version`. Kinds that are not its own are given back: nothing was said
/// about them.
pub(crate) fn validate(objects: &[Value], version: &str) -> Vec<String> {
    let (unknown, known): (Vec<_>, Vec<_>) = objects.iter().partition(|object| is_custom(object));
    let text: Vec<_> = known.into_iter().map(Value::to_string).collect();
    let faults = kubernetes::faults(version, &text.join("\n---\n")).expect("the schemas");
    assert!(faults.is_empty(), "Kubernetes {version}: {faults:#?}");
    unknown.into_iter().map(|object| object["kind"].as_str().expect("a kind").to_owned()).collect()
}

/// Of a `CustomResourceDefinition`: not in the schemas of Kubernetes.
fn is_custom(object: &Value) -> bool {
    object["apiVersion"].as_str().expect("a version").starts_with("cert-manager.io/")
}

/// The only object of this kind whose name ends so.
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("no {kind} `{name}`"));
    assert!(found.next().is_none(), "several {kind} `{name}`");
    first
}

fn write(dir: &TempDir, values: &Value) -> PathBuf {
    let file = dir.path().join("values.yaml");
    fs::write(&file, values.to_string()).expect("written");
    file
}
