//! Pods that can't be protected, or whose containers could reach what is hopgate's alone.

use serde_json::{Value, json};

use super::pods::{annotated, edited, injected, labelled, refusal};
use super::webhook::Webhook;

fn with_spec(field: &str, value: Value) -> Value {
    edited(|pod| pod["spec"][field] = value)
}

fn assert_refused(pod: &Value, part: &str) {
    let refusal = refusal(pod).to_string();
    assert!(refusal.contains(part), "{refusal}\nexpected: {part}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_was_found_and_is_the_api_servers_to_show() {
    let webhook = Webhook::start().await;
    let reviewed = webhook.review(&with_spec("hostNetwork", json!(true))).await;
    assert_eq!(
        reviewed.refusal(),
        "hopgate: hostNetwork is true: hopgate's ports and its peers' addresses would be the node's"
    );
    assert_eq!(reviewed.response()["status"]["code"], 403);
    assert_eq!(reviewed.response()["patch"], Value::Null);
    let line = webhook.log().into_iter().find(|line| line["outcome"] == "refused").expect("a line");
    assert_eq!(line["reason"], "hostNetwork is true: hopgate's ports and its peers' addresses would be the node's");
}

#[test]
fn namespaces_shared_with_the_node_or_between_containers_are_refused() {
    assert_refused(&with_spec("hostNetwork", json!(true)), "hostNetwork is true");
    assert_refused(&with_spec("hostPID", json!(true)), "hostPID is true");
    assert_refused(&with_spec("shareProcessNamespace", json!(true)), "shareProcessNamespace is true");
    for field in ["hostNetwork", "hostPID", "shareProcessNamespace"] {
        injected(&with_spec(field, json!(false)));
        injected(&with_spec(field, json!(null)));
    }
}

#[test]
fn pods_of_another_system_are_refused() {
    assert_refused(&with_spec("os", json!({ "name": "windows" })), "for Windows");
    assert_refused(&with_spec("nodeSelector", json!({ "kubernetes.io/os": "windows" })), "for Windows");
    injected(&with_spec("os", json!({ "name": "linux" })));
    injected(&with_spec("nodeSelector", json!({ "kubernetes.io/os": "linux" })));
}

#[test]
fn a_static_pod_is_refused() {
    assert_refused(&annotated(&[("kubernetes.io/config.mirror", "0")]), "static pod");
}

#[test]
fn folders_of_the_node_that_hold_sockets_are_refused() {
    for path in [
        "/",
        "/var",
        "/var/lib",
        "/var/lib/kubelet",
        "/var/lib/kubelet/",
        "/var//lib/kubelet/pods/x/volumes",
        "/proc",
        "/proc/1",
        "/var/run/docker.sock",
        "/run",
        "/var/run",
        "/run/containerd/containerd.sock",
        "/./var/lib/kubelet",
        "/data/../var/lib/kubelet",
    ] {
        let pod = edited(|pod| {
            let volume = json!({ "name": "node", "hostPath": { "path": path, "type": "Directory" } });
            pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
        });
        assert_refused(&pod, &format!("volume `node` mounts `{path}` of the node"));
    }
    for path in ["/var/log", "/etc/ssl", "/var/library", "/data"] {
        injected(&edited(|pod| {
            let volume = json!({ "name": "node", "hostPath": { "path": path } });
            pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
        }));
    }
}

#[test]
fn ports_that_are_hopgates_are_refused() {
    let with_port = |port: Value, envoy: Option<&str>| {
        edited(|pod| {
            pod["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 8080 }, port]);
            if let Some(envoy) = envoy {
                pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!(envoy);
            }
        })
    };
    for port in [9902, 15443, 15001, 15021] {
        let part = format!("container `invoices` has port {port}, which is hopgate's");
        assert_refused(&with_port(json!({ "containerPort": port }), None), &part);
        assert_refused(&with_port(json!({ "containerPort": port, "protocol": "TCP" }), None), &part);
        injected(&with_port(json!({ "containerPort": port, "protocol": "UDP" }), None));
    }
    // Where no Envoy is added, its ports are free.
    injected(&with_port(json!({ "containerPort": 15443 }), Some("none")));
    assert_refused(&with_port(json!({ "containerPort": 9902 }), Some("none")), "port 9902");
    // Of an init container as well: one that stays would take it.
    let pod = edited(|pod| pod["spec"]["initContainers"][0]["ports"] = json!([{ "containerPort": 9902 }]));
    assert_refused(&pod, "container `migrate` has port 9902");
}

/// Whoever reaches the socket could use up single-use tokens, or try out the rules.
#[test]
fn nobody_else_mounts_a_volume_of_hopgates() {
    let volumes = [
        "hopgate-socket",
        "hopgate-config",
        "hopgate-secrets",
        "hopgate-no-token",
        "hopgate-envoy-config",
        "hopgate-certificate",
    ];
    for volume in volumes {
        let mount = json!([{ "name": volume, "mountPath": "/x", "readOnly": true, "subPath": "y" }]);
        for (list, name) in [("containers", "invoices"), ("initContainers", "migrate")] {
            let pod = edited(|pod| pod["spec"][list][0]["volumeMounts"] = mount.clone());
            assert_refused(&pod, &format!("container `{name}` mounts `{volume}`"));
        }
        let pod = edited(|pod| {
            pod["spec"]["ephemeralContainers"] = json!([{ "name": "debug", "volumeMounts": mount }]);
        });
        assert_refused(&pod, &format!("container `debug` mounts `{volume}`"));
        if volume != "hopgate-socket" {
            let pod = edited(|pod| {
                pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("invoices");
                pod["spec"]["containers"][0]["volumeMounts"] = mount.clone();
            });
            assert_refused(&pod, &format!("container `invoices` mounts `{volume}`"));
        }
    }
    // Also after hopgate was injected, and beside the Envoy that may.
    let mut late = injected(&labelled());
    let mount = json!({ "name": "hopgate-socket", "mountPath": "/run/hopgate", "readOnly": true });
    late["spec"]["containers"][0]["volumeMounts"].as_array_mut().unwrap().push(mount.clone());
    assert_refused(&late, "container `invoices` mounts `hopgate-socket`");
    let mut beside = edited(|pod| {
        pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("proxy");
        pod["spec"]["containers"].as_array_mut().unwrap().push(json!({ "name": "proxy", "image": "envoy" }));
    });
    beside["spec"]["containers"][0]["volumeMounts"] = json!([mount]);
    assert_refused(&beside, "container `invoices` mounts `hopgate-socket`");
}

#[test]
fn a_container_that_can_leave_its_bounds_is_warned_of() {
    let warnings = |context: Value| {
        let pod = edited(|pod| pod["spec"]["containers"][0]["securityContext"] = context);
        super::pods::injected_with(&pod, &super::pods::settings()).1.warnings
    };
    for context in [
        json!({ "privileged": true }),
        json!({ "capabilities": { "add": ["NET_ADMIN", "SYS_ADMIN"] } }),
        json!({ "capabilities": { "add": ["CAP_SYS_PTRACE"] } }),
        json!({ "capabilities": { "add": ["ALL"] } }),
    ] {
        let warnings = warnings(context.clone());
        assert!(
            warnings.iter().any(|warning| warning.contains("`invoices` can leave its bounds")),
            "{context}: {warnings:?}"
        );
    }
    for context in [json!(null), json!({ "privileged": false, "capabilities": { "add": ["NET_BIND_SERVICE"] } })] {
        assert!(!warnings(context).iter().any(|warning| warning.contains("bounds")));
    }
}
