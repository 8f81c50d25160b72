//! What docs/kubernetes.md tells people to write and to type.

use std::fs;
use std::path::Path;
use std::process::Command;

use hopgate::dev::certs::MeshCa;
use serde_json::Value;

use super::helm::{NAMESPACE, helm, template, validate};

const GUIDE: &str = "docs/kubernetes.md";

/// The fenced blocks of this kind.
pub(crate) fn blocks(kind: &str) -> Vec<String> {
    let text = fs::read_to_string(GUIDE).expect("the guide");
    let opening = format!("```{kind}\n");
    let found: Vec<_> = text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect();
    assert!(!found.is_empty(), "no `{kind}`");
    found
}

#[test]
fn its_values_are_taken_by_the_chart_and_their_configuration_by_hopgate() {
    let examples = ["sidecar", "shared"].map(|name| fs::read_to_string(format!("k8s/values/{name}.yaml")).unwrap());
    for text in blocks("yaml values").iter().chain(&examples) {
        let values: Value = serde_saphyr::from_str(text).expect("YAML");
        let objects = template(&values).unwrap_or_else(|said| panic!("{said}\n{text}"));
        let configured = objects.iter().filter(|object| object["data"]["hopgate.yaml"].is_string());
        for object in configured.clone() {
            check(&object["data"]);
        }
        assert!(configured.count() > 0, "{text}");
    }
}

/// `hopgate check` on the files of a `ConfigMap`, its Secrets' files being there.
fn check(data: &Value) {
    let dir = tempfile::TempDir::new().unwrap();
    for (name, text) in data.as_object().unwrap() {
        let mut text = text.as_str().unwrap().to_owned();
        for folder in ["/etc/hopgate-secrets", "/etc/hopgate-tls"] {
            text = text.replace(folder, dir.path().to_str().unwrap());
        }
        fs::write(dir.path().join(name), text).unwrap();
    }
    fs::write(dir.path().join("password"), "secret").unwrap();
    let id = "spiffe://demo.local/ns/hopgate-system/sa/hopgate";
    MeshCa::generate("demo.local").unwrap().write(dir.path(), &[id.to_owned()]).unwrap();
    for (made, mounted) in [("hopgate.pem", "tls.crt"), ("hopgate-key.pem", "tls.key"), ("ca.pem", "ca.crt")] {
        fs::rename(dir.path().join(made), dir.path().join(mounted)).unwrap();
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_hopgate")).arg("check").arg(dir.path().join("hopgate.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn its_helm_commands_render() {
    for block in blocks("sh helm") {
        for line in block.lines() {
            let rest =
                line.strip_prefix("helm upgrade --install ").unwrap_or_else(|| panic!("nothing checks `{line}`"));
            let output = helm().arg("template").args(rest.split_whitespace()).output().unwrap();
            assert!(output.status.success(), "`{line}`: {}", String::from_utf8_lossy(&output.stderr));
            assert!(rest.contains(&format!("--namespace {NAMESPACE}")), "{line}");
        }
    }
}

#[test]
fn its_example_is_what_kubernetes_knows_and_what_the_chart_configures() {
    let text = fs::read_to_string("k8s/example/invoices.yaml").unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    for version in ["1.30", "1.37"] {
        assert!(validate(&objects, version).is_empty());
    }
    let pod = &super::helm::object(&objects, "Deployment", "invoices")["spec"]["template"];
    let config = pod["metadata"]["annotations"]["hopgate.dev/config"].as_str().unwrap();
    let rendered = template(&super::helm::example("sidecar")).unwrap();
    let map = super::helm::object(&rendered, "ConfigMap", config);
    assert_eq!(map["metadata"]["namespace"], objects[0]["metadata"]["name"]);
    let listens = pod["spec"]["containers"][0]["args"].as_array().unwrap().last().unwrap().as_str().unwrap();
    let (address, port) = listens.rsplit_once(':').unwrap();
    assert_eq!(address, "127.0.0.1");
    assert!(map["data"]["envoy.yaml"].as_str().unwrap().contains(&format!("address: 127.0.0.1, port_value: {port} ")));
    super::pods::restricted("the example", &pod["spec"]["securityContext"], &pod["spec"]["containers"][0]);
}

#[test]
fn its_files_are_there() {
    let text = fs::read_to_string(GUIDE).unwrap();
    for word in text.split_whitespace().filter(|word| word.starts_with("k8s/")) {
        assert!(Path::new(word).exists(), "{word}");
    }
}
