//! What becomes of a pod between two calls: defaults, mirrors, limits, tokens. It must still be known as whole.

use serde_json::{Value, json};

use k8s_openapi::api::core::v1::Pod;

use super::pods::{TOKEN, annotated, injected, labelled};

/// The defaults that the API server fills in when it reads a patched pod.
fn defaulted(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().unwrap() {
            default(container, "terminationMessagePath", json!("/dev/termination-log"));
            default(container, "terminationMessagePolicy", json!("File"));
            default(container, "imagePullPolicy", json!("IfNotPresent"));
            default(container, "resources", json!({}));
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                let Some(probe) = container.get_mut(probe) else { continue };
                for (field, value) in
                    [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
                {
                    default(probe, field, json!(value));
                }
                if let Some(get) = probe.get_mut("httpGet") {
                    default(get, "scheme", json!("HTTP"));
                }
            }
            for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
                default(port, "protocol", json!("TCP"));
            }
        }
    }
    pod["spec"]["restartPolicy"] = json!("Always");
    pod["spec"]["terminationGracePeriodSeconds"] = json!(30);
    pod["spec"]["securityContext"] = json!({});
    pod["metadata"]["creationTimestamp"] = json!(null);
    pod
}

fn default(within: &mut Value, field: &str, value: Value) {
    let members = within.as_object_mut().unwrap();
    members.entry(field.to_owned()).or_insert(value);
}

/// The admission plugin's rule: into every container that has nothing at this path.
fn with_tokens(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().unwrap() {
            default(container, "volumeMounts", json!([]));
            let mounts = container["volumeMounts"].as_array_mut().unwrap();
            if !mounts.iter().any(|mount| mount["mountPath"] == TOKEN) {
                mounts.push(json!({ "name": "kube-api-access-x7k2p", "readOnly": true, "mountPath": TOKEN }));
            }
        }
    }
    pod
}

fn assert_whole(pod: &Value) {
    assert_eq!(injected(pod), *pod);
}

#[test]
fn defaults_of_the_api_server_are_no_difference() {
    for pod in [labelled(), annotated(&[("hopgate.dev/envoy", "invoices"), ("hopgate.dev/secrets", "s")])] {
        assert_whole(&defaulted(&injected(&pod)));
    }
}

/// The API server reads a patched pod into its types and writes it anew for the next webhook.
#[test]
fn a_pod_that_went_through_kubernetes_types_is_whole() {
    for pod in [labelled(), annotated(&[("hopgate.dev/envoy", "invoices"), ("hopgate.dev/secrets", "s")])] {
        let typed: Pod = serde_json::from_value(defaulted(&injected(&pod))).expect("a pod");
        assert_whole(&serde_json::to_value(typed).expect("JSON"));
    }
}

#[test]
fn tokens_are_not_mounted_into_what_was_added() {
    let whole = injected(&labelled());
    let after = with_tokens(&whole);
    assert_eq!(after["spec"]["initContainers"][0], whole["spec"]["initContainers"][0]);
    assert_eq!(after["spec"]["initContainers"][1], whole["spec"]["initContainers"][1]);
    assert_whole(&after);
}

#[test]
fn what_other_webhooks_do_to_every_container_is_no_difference() {
    let mut pod = injected(&labelled());
    for container in pod["spec"]["initContainers"].as_array_mut().unwrap() {
        let image = container["image"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        // A mirror in front, and the digest pinned.
        container["image"] = json!(format!("mirror.example:5000/docker.io/team/{image}@sha256:{}", "0".repeat(64)));
        // Limits of a LimitRange, variables and a folder of a monitoring agent.
        container["resources"] = json!({ "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "1" } });
        container["env"] = json!([{ "name": "DD_AGENT_HOST", "value": "10.0.0.1" }]);
        default(container, "volumeMounts", json!([]));
        let mounts = container["volumeMounts"].as_array_mut().unwrap();
        mounts.push(json!({ "name": "agent", "mountPath": "/var/run/agent" }));
        container["securityContext"]["seLinuxOptions"] = json!({ "level": "s0:c1,c2" });
    }
    assert_whole(&pod);
}

#[test]
fn other_sidecars_in_front_are_no_difference() {
    let mut pod = injected(&labelled());
    let other = json!({ "name": "other", "image": "other", "restartPolicy": "Always" });
    pod["spec"]["initContainers"].as_array_mut().unwrap().insert(0, other);
    assert_whole(&pod);
}
