//! Pods as the API server hands them over, and what becomes of them.

use hopgate::inject::{ChosenBy, Injection, Pass, Question, Refusal, Settings, inject};
use json_patch::Patch;
use serde_json::{Value, json};

pub(crate) const MUTATE: Question = Question { pass: Pass::Mutate, chosen_by: ChosenBy::Pod };
pub(crate) const VALIDATE: Question = Question { pass: Pass::Validate, chosen_by: ChosenBy::Pod };

pub(crate) const SETTINGS: &str = r#"
hopgate:
  image: "hopgate:0.1.0"
  image_pull_policy: IfNotPresent
  resources: { requests: { cpu: 50m, memory: 32Mi }, limits: { memory: 192Mi } }
envoy:
  image: "envoyproxy/envoy:distroless-v1.40.0"
  image_pull_policy: IfNotPresent
  resources: { requests: { cpu: 100m, memory: 64Mi }, limits: { memory: 256Mi } }
certificate: { csi: { driver: spiffe.csi.cert-manager.io, readOnly: true } }
"#;

pub(crate) fn settings() -> Settings {
    settings_of(SETTINGS)
}

pub(crate) fn settings_of(text: &str) -> Settings {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("inject.yaml");
    std::fs::write(&file, text).expect("written");
    hopgate::inject::load(&file).expect("good settings")
}

/// A pod of a Deployment, as a webhook sees it: labelled, and with its `ConfigMap` named.
pub(crate) fn labelled() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "invoices-7d9c5b8f6d-",
            "labels": { "app": "invoices", "hopgate.dev/inject": "true" },
            "annotations": { "hopgate.dev/config": "invoices-hopgate", "team/on~call": "a/b~c" },
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "invoices-7d9c5b8f6d", "uid": "0", "controller": true,
            }],
        },
        "spec": {
            "serviceAccountName": "invoices",
            "volumes": [{
                "name": "kube-api-access-x7k2p",
                "projected": { "defaultMode": 420, "sources": [
                    { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                ] },
            }],
            "initContainers": [{
                "name": "migrate", "image": "invoices:1", "command": ["/migrate"],
                "volumeMounts": [{ "name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": TOKEN }],
            }],
            "containers": [{
                "name": "invoices", "image": "invoices:1",
                "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }],
                "volumeMounts": [{ "name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": TOKEN }],
            }],
        },
    })
}

pub(crate) const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

pub(crate) fn edited(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = labelled();
    change(&mut pod);
    pod
}

/// Annotated besides.
pub(crate) fn annotated(annotations: &[(&str, &str)]) -> Value {
    edited(|pod| {
        for (key, value) in annotations {
            pod["metadata"]["annotations"][key] = json!(value);
        }
    })
}

pub(crate) fn patched(pod: &Value, patch: &Patch) -> Value {
    let mut pod = pod.clone();
    json_patch::patch(&mut pod, patch).expect("a patch that fits");
    pod
}

/// The pod with everything, and what was said about it.
pub(crate) fn injected_with(pod: &Value, settings: &Settings) -> (Value, Injection) {
    let injection = inject(pod, settings).unwrap_or_else(|refusal| panic!("{refusal}\n{pod:#}"));
    (patched(pod, &injection.patch), injection)
}

pub(crate) fn injected(pod: &Value) -> Value {
    injected_with(pod, &settings()).0
}

pub(crate) fn refusal(pod: &Value) -> Refusal {
    match inject(pod, &settings()) {
        Err(refusal) => refusal,
        Ok(injection) => panic!("not refused: {:?}", injection.added),
    }
}

pub(crate) fn container<'a>(pod: &'a Value, name: &str) -> &'a Value {
    find(pod, &["initContainers", "containers"], name)
}

pub(crate) fn volume<'a>(pod: &'a Value, name: &str) -> &'a Value {
    find(pod, &["volumes"], name)
}

fn find<'a>(pod: &'a Value, lists: &[&str], name: &str) -> &'a Value {
    let all = lists.iter().filter_map(|list| pod["spec"][list].as_array()).flatten();
    let mut found = all.filter(|item| item["name"] == name);
    let first = found.next().unwrap_or_else(|| panic!("no `{name}` in {pod:#}"));
    assert!(found.next().is_none(), "`{name}` twice");
    first
}

pub(crate) fn names(pod: &Value, list: &str) -> Vec<String> {
    let items = pod["spec"][list].as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

/// `AdmissionReview` of version 1 with the request to create `pod`.
pub(crate) fn review_of(pod: &Value) -> Value {
    json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "requestKind": { "group": "", "version": "v1", "kind": "Pod" },
            "requestResource": { "group": "", "version": "v1", "resource": "pods" },
            "namespace": "agents",
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "1", "groups": ["system:serviceaccounts", "system:authenticated"],
            },
            "object": pod,
            "oldObject": null,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1" },
        },
    })
}
