//! What has the name of a part of hopgate's and is not that part, and what claims to be injected and is not.

use serde_json::{Value, json};

use super::pods::{annotated, edited, injected, labelled, names, refusal};

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut pod = injected(&labelled());
    change(&mut pod);
    pod
}

#[test]
fn a_claim_to_be_injected_decides_nothing() {
    let pod = annotated(&[("hopgate.dev/injected", env!("CARGO_PKG_VERSION"))]);
    assert_eq!(names(&injected(&pod), "initContainers"), ["hopgate", "hopgate-envoy", "migrate"]);
}

#[test]
fn a_pod_that_was_half_injected_is_completed() {
    let whole = injected(&labelled());
    let without = |list: &str, name: &str| {
        let mut pod = whole.clone();
        pod["spec"][list].as_array_mut().unwrap().retain(|item| item["name"] != name);
        pod
    };
    for name in ["hopgate", "hopgate-envoy"] {
        let again = injected(&without("initContainers", name));
        assert_eq!(again, whole, "{name}");
    }
    for name in names(&whole, "volumes").iter().filter(|name| name.starts_with("hopgate-")) {
        let again = injected(&without("volumes", name));
        let sorted = |pod: &Value| {
            let mut names = names(pod, "volumes");
            names.sort_unstable();
            names
        };
        assert_eq!(sorted(&again), sorted(&whole), "{name}");
        assert_eq!(again["spec"]["initContainers"], whole["spec"]["initContainers"]);
    }
    let mut unnoted = whole.clone();
    unnoted["metadata"]["annotations"].as_object_mut().unwrap().remove("hopgate.dev/injected");
    assert_eq!(injected(&unnoted), whole);
}

#[test]
fn an_envoy_that_is_missing_is_put_behind_hopgate_wherever_that_is() {
    let pod = changed(|pod| {
        let inits = pod["spec"]["initContainers"].as_array_mut().unwrap();
        inits.retain(|container| container["name"] != "hopgate-envoy");
        inits.insert(0, json!({ "name": "other", "image": "other", "restartPolicy": "Always" }));
    });
    assert_eq!(names(&injected(&pod), "initContainers"), ["other", "hopgate", "hopgate-envoy", "migrate"]);
}

#[test]
fn a_foreign_container_by_the_name_of_ours_is_refused() {
    for name in ["hopgate", "hopgate-envoy"] {
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            let pod = edited(|pod| {
                let foreign = json!({ "name": name, "image": "evil:1" });
                let mut all = pod["spec"][list].as_array().cloned().unwrap_or_default();
                all.push(foreign);
                pod["spec"][list] = json!(all);
            });
            let refusal = refusal(&pod).to_string();
            assert!(
                refusal.starts_with(&format!("container `{name}` is not the one that hopgate adds")),
                "{list}: {refusal}"
            );
        }
    }
}

/// One that looks like ours and does something else.
#[test]
fn what_decides_over_a_container_is_compared() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 18] = [
        ("image is `nginx`", |it| it["image"] = json!("nginx")),
        ("image is ``", |it| drop(it.as_object_mut().unwrap().remove("image"))),
        ("restartPolicy", |it| drop(it.as_object_mut().unwrap().remove("restartPolicy"))),
        ("command", |it| it["command"] = json!(["/bin/true"])),
        ("args", |it| it["args"] = json!(["serve", "--config", "/tmp/open.yaml"])),
        ("args", |it| drop(it.as_object_mut().unwrap().remove("args"))),
        ("workingDir", |it| it["workingDir"] = json!("/tmp")),
        ("lifecycle", |it| it["lifecycle"] = json!({ "postStart": { "exec": { "command": ["/x"] } } })),
        ("securityContext", |it| it["securityContext"]["runAsUser"] = json!(0)),
        ("securityContext", |it| it["securityContext"]["privileged"] = json!(true)),
        ("securityContext", |it| it["securityContext"]["capabilities"]["drop"] = json!([])),
        ("securityContext", |it| drop(it.as_object_mut().unwrap().remove("securityContext"))),
        ("volumeMounts", |it| it["volumeMounts"] = json!([])),
        ("volumeMounts", |it| it["volumeMounts"][0]["name"] = json!("other")),
        ("volumeMounts", |it| it["volumeMounts"][0]["subPath"] = json!("x")),
        ("volumeMounts", |it| {
            let over = json!({ "name": "other", "mountPath": "/etc" });
            it["volumeMounts"].as_array_mut().unwrap().push(over);
        }),
        ("volumeMounts", |it| {
            let program = json!({ "name": "other", "mountPath": "/hopgate" });
            it["volumeMounts"].as_array_mut().unwrap().push(program);
        }),
        ("volumeMounts", |it| {
            let program = json!({ "name": "other", "mountPath": "/usr/local/bin/" });
            it["volumeMounts"].as_array_mut().unwrap().push(program);
        }),
    ];
    for (at, name) in ["hopgate", "hopgate-envoy"].into_iter().enumerate() {
        for (what, change) in changes {
            let refusal = refusal(&changed(|pod| change(&mut pod["spec"]["initContainers"][at]))).to_string();
            assert!(
                refusal.starts_with(&format!("container `{name}` is not the one that hopgate adds, its {what}")),
                "{refusal}"
            );
        }
    }
}

#[test]
fn a_foreign_volume_by_the_name_of_ours_is_refused() {
    for (name, source) in [
        ("hopgate-socket", json!({ "hostPath": { "path": "/data" } })),
        ("hopgate-socket", json!({ "emptyDir": {} })),
        ("hopgate-socket", json!({ "persistentVolumeClaim": { "claimName": "shared" } })),
        ("hopgate-config", json!({ "configMap": { "name": "other", "defaultMode": 292 } })),
        ("hopgate-config", json!({ "configMap": { "name": "invoices-hopgate", "defaultMode": 292 }, "emptyDir": {} })),
        ("hopgate-no-token", json!({ "projected": { "sources": [] } })),
        ("hopgate-envoy-config", json!({ "configMap": { "name": "other", "defaultMode": 292 } })),
        ("hopgate-envoy-admin", json!({ "emptyDir": {} })),
        ("hopgate-certificate", json!({ "secret": { "secretName": "x" } })),
    ] {
        let pod = edited(|pod| {
            let mut volume = source.clone();
            volume["name"] = json!(name);
            pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
        });
        let refusal = refusal(&pod).to_string();
        assert!(
            refusal.starts_with(&format!("volume `{name}` is not the one that hopgate adds")),
            "{source}: {refusal}"
        );
    }
}
