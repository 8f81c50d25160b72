//! The injector's settings file, and its command line.

use std::path::Path;
use std::process::Output;

use super::pods::SETTINGS;
use crate::support::gate::command;

fn run(settings: &str, change: impl FnOnce(&Path)) -> (i32, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |file: &str| dir.path().join(file);
    let ca = hopgate::dev::certs::MeshCa::generate("demo.local").expect("a CA");
    let leaf = ca.issue("spiffe://demo.local/injector").expect("a certificate");
    std::fs::write(at("inject.yaml"), settings).unwrap();
    std::fs::write(at("tls.crt"), leaf.cert_pem).unwrap();
    std::fs::write(at("tls.key"), leaf.key_pem).unwrap();
    change(dir.path());
    let mut program = command();
    program.arg("inject").args(["--listen", "127.0.0.1:0"]);
    for (flag, file) in [("--settings", "inject.yaml"), ("--certificate", "tls.crt"), ("--key", "tls.key")] {
        program.arg(flag).arg(at(file));
    }
    let Output { status, stderr, .. } = program.output().expect("an end");
    let stderr = String::from_utf8(stderr).expect("UTF-8").replace(&format!("{}/", dir.path().display()), "");
    (status.code().expect("no signal"), stderr)
}

#[test]
fn every_fault_of_the_settings_is_told_with_its_path() {
    let (code, said) = run(
        r#"
hopgate: { image: "two words", image_pull_policy: Sometimes, resources: { requests: { cpu: lots, memory: -1 }, limit: {} } }
envoy: { concurrency: 0, sidecar: true }
certificate: { csi: { driver: x } }
namespaces: []
"#,
        |_| {},
    );
    assert_eq!(code, 3, "{said}");
    insta::assert_snapshot!(said);
}

#[test]
fn a_certificate_that_is_no_volume_source_is_a_fault() {
    for (source, part) in [
        ("{}", "found 0 members, expected one"),
        ("{ csi: { driver: x }, secret: { secretName: y } }", "found 2 members, expected one"),
        ("{ name: x }", "found `name`, expected a volume source"),
        ("{ csi: { driver: x, readonly: true } }", "of which Kubernetes knows"),
        ("{ cis: { driver: x } }", "of which Kubernetes knows"),
        ("{ csi: { driver: 7 } }", "certificate: "),
        ("{ csi: null }", "found nothing"),
        ("[]", "expected object"),
    ] {
        let settings = SETTINGS.lines().filter(|line| !line.starts_with("certificate")).collect::<Vec<_>>().join("\n");
        let (code, said) = run(&format!("{settings}\ncertificate: {source}\n"), |_| {});
        assert!(code == 3 && said.contains(part), "{source}: {said}");
    }
}

#[test]
fn what_can_not_be_started_says_why() {
    let missing = |file: &'static str| move |dir: &Path| std::fs::remove_file(dir.join(file)).unwrap();
    let garbage = |file: &'static str| move |dir: &Path| std::fs::write(dir.join(file), "x").unwrap();
    assert_eq!(run(SETTINGS, missing("inject.yaml")).0, 3);
    for file in ["tls.crt", "tls.key"] {
        for (code, said) in [run(SETTINGS, missing(file)), run(SETTINGS, garbage(file))] {
            assert!(code == 1 && (said.contains(file) || said.contains("certificate can't be used")), "{said}");
        }
    }
    let other = |dir: &Path| {
        let ca = hopgate::dev::certs::MeshCa::generate("demo.local").expect("a CA");
        std::fs::write(dir.join("tls.key"), ca.issue("spiffe://demo.local/x").expect("a key").key_pem).unwrap();
    };
    let (code, said) = run(SETTINGS, other);
    assert!(code == 1 && said.contains("the certificate can't be used"), "{said}");
}

#[test]
fn amounts_are_quantities_of_kubernetes_or_plain_numbers() {
    let settings = super::pods::settings_of(
        "hopgate: { image: hopgate, resources: { requests: { cpu: 1, memory: 33554432 }, limits: { cpu: 0.5, memory: 1.5Gi } } }
envoy: { image: envoy }\n",
    );
    let (pod, _) = super::pods::injected_with(&super::pods::labelled(), &settings);
    let expected = serde_json::json!({
        "requests": { "cpu": "1", "memory": "33554432" }, "limits": { "cpu": "0.5", "memory": "1.5Gi" },
    });
    assert_eq!(super::pods::container(&pod, "hopgate")["resources"], expected);
    assert_eq!(super::pods::container(&pod, "hopgate-envoy")["resources"], serde_json::json!({}));
}
