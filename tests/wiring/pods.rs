//! The patch of Envoy Gateway's Deployment: what is merged into it is what Kubernetes takes, as restricted as hopgate can be.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::manifests::documents;

fn patch() -> Value {
    let proxy = documents(Path::new("k8s/envoy-gateway/sidecar/envoy-proxy.yaml")).remove(0);
    let patch = &proxy["spec"]["provider"]["kubernetes"]["envoyDeployment"]["patch"];
    assert_eq!(patch["type"], "StrategicMerge");
    patch["value"].clone()
}

#[test]
fn the_patched_deployment_is_what_kubernetes_takes() {
    let mount = |path: &str| json!([{ "name": "certs", "mountPath": path }]);
    // As Envoy Gateway makes it, in what the patch could touch.
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "envoy-gateways-edge" },
        "spec": {
            "selector": { "matchLabels": { "app": "envoy" } },
            "template": {
                "metadata": { "labels": { "app": "envoy" } },
                "spec": {
                    "containers": [
                        { "name": "envoy", "image": "envoy:1", "volumeMounts": mount("/certs") },
                        { "name": "shutdown-manager", "image": "gateway:1" },
                    ],
                    "volumes": [{ "name": "certs", "secret": { "secretName": "envoy" } }],
                },
            },
        },
    });
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("deployment.json");
    fs::write(&file, deployment.to_string()).unwrap();
    let patched = run(program("kubectl")
        .args([
            "patch",
            "--local",
            "--type",
            "strategic",
            "--output",
            "json",
            "--patch",
            &patch().to_string(),
            "--filename",
        ])
        .arg(&file));
    fs::write(&file, &patched).unwrap();
    for version in ["1.30", "1.37"] {
        let said = run(program("kubernetes-validate").args(["--kubernetes-version", version, "--strict"]).arg(&file));
        assert!(!said.to_lowercase().contains("warn"), "Kubernetes {version}: {said}");
    }
    let spec: Value = serde_json::from_str::<Value>(&patched).unwrap()["spec"]["template"]["spec"].clone();
    let names = |list: &str| spec[list].as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names("containers"), ["envoy", "shutdown-manager"]);
    assert_eq!(names("initContainers"), ["hopgate"]);
    assert_eq!(names("volumes").len(), 3, "{spec}");
    assert_eq!(spec["containers"][0]["volumeMounts"].as_array().unwrap().len(), 2, "{spec}");
    assert_eq!(spec["containers"][0]["image"], "envoy:1");
}

fn program(name: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".local/bin").join(name);
    assert!(program.exists(), "run `testbed/install-tools.sh helm kubernetes-validate`: {}", program.display());
    Command::new(program)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}

/// What `values.yaml` says is where the chart of Envoy Gateway hands it to Envoy Gateway.
#[test]
fn the_values_of_envoy_gateways_chart_turn_its_extensions_on() {
    let chart = testbed::crds().unwrap().join("gateway-helm");
    let rendered = run(program("helm").arg("template").arg("eg").arg(chart).args([
        "--values",
        "k8s/envoy-gateway/values.yaml",
        "--show-only",
        "templates/envoy-gateway-config.yaml",
    ]));
    let map: Value = serde_saphyr::from_multiple(&rendered).unwrap().remove(0);
    let config: Value = serde_saphyr::from_str(map["data"]["envoy-gateway.yaml"].as_str().unwrap()).unwrap();
    assert_eq!(config["extensionApis"], json!({ "enableBackend": true, "enableEnvoyPatchPolicy": true }));
}

#[test]
fn hopgate_in_the_gateways_pods_is_restricted_and_starts_first() {
    let spec = &patch()["spec"]["template"]["spec"];
    let hopgate = &spec["initContainers"][0];
    assert_eq!(hopgate["restartPolicy"], "Always", "a native sidecar");
    let security = &hopgate["securityContext"];
    for (field, value) in [
        ("allowPrivilegeEscalation", json!(false)),
        ("readOnlyRootFilesystem", json!(true)),
        ("runAsNonRoot", json!(true)),
        ("capabilities", json!({ "drop": ["ALL"] })),
        ("seccompProfile", json!({ "type": "RuntimeDefault" })),
    ] {
        assert_eq!(security[field], value, "{field}");
    }
    let mounts = |container: &Value| container["volumeMounts"].to_string();
    assert!(mounts(hopgate).contains("/run/hopgate"));
    let envoy = &spec["containers"][0];
    assert_eq!(envoy["name"], "envoy", "the name that Envoy Gateway gives it");
    assert_eq!(
        envoy["volumeMounts"],
        json!([{ "name": "hopgate-socket", "mountPath": "/run/hopgate", "readOnly": true }])
    );
}
