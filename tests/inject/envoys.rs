//! Pods with an Envoy of their own, Istio's above all.

use serde_json::{Value, json};

use super::pods::{annotated, container, edited, injected, injected_with, names, refusal, settings, volume};

const SOCKET: &str = "hopgate-socket";

/// A pod as Istio 1.28 leaves it, its sidecar among the containers or a native one. What is of no matter here is shorter.
fn istio(native: bool) -> Value {
    let sidecar = json!({
        "name": "istio-proxy",
        "image": "docker.io/istio/proxyv2:1.28.0",
        "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--proxyLogLevel=warning"],
        "ports": [{ "containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP" }],
        "readinessProbe": { "httpGet": { "path": "/healthz/ready", "port": 15021 } },
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "privileged": false,
            "readOnlyRootFilesystem": true, "runAsGroup": 1337, "runAsNonRoot": true, "runAsUser": 1337,
        },
        "volumeMounts": [
            { "name": "workload-socket", "mountPath": "/var/run/secrets/workload-spiffe-uds" },
            { "name": "istio-envoy", "mountPath": "/etc/istio/proxy" },
            { "name": "istio-token", "mountPath": "/var/run/secrets/tokens" },
        ],
    });
    let init = json!({
        "name": "istio-init",
        "image": "docker.io/istio/proxyv2:1.28.0",
        "args": ["istio-iptables", "-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT", "-b", "*", "-d", "15090,15021,15020"],
        "securityContext": { "capabilities": { "add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"] }, "runAsUser": 0 },
    });
    edited(|pod| {
        pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("true");
        pod["metadata"]["annotations"]["sidecar.istio.io/status"] = json!("{\"initContainers\":[\"istio-init\"]}");
        let volumes = pod["spec"]["volumes"].as_array_mut().unwrap();
        for name in ["workload-socket", "istio-envoy"] {
            volumes.push(json!({ "name": name, "emptyDir": {} }));
        }
        let inits = pod["spec"]["initContainers"].as_array_mut().unwrap();
        if native {
            let mut sidecar = sidecar;
            sidecar["restartPolicy"] = json!("Always");
            inits.splice(0..0, [init, sidecar]);
        } else {
            inits.insert(0, init);
            pod["spec"]["containers"].as_array_mut().unwrap().insert(0, sidecar);
        }
    })
}

fn socket_mounts(pod: &Value) -> Vec<(String, Value)> {
    let containers =
        ["initContainers", "containers"].map(|list| pod["spec"][list].as_array().unwrap().clone()).concat();
    let mounts = containers.iter().flat_map(|container| {
        let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
        mounts.into_iter().map(|mount| (container["name"].as_str().unwrap().to_owned(), mount))
    });
    mounts.filter(|(_, mount)| mount["name"] == SOCKET).collect()
}

#[test]
fn istios_sidecar_is_found_and_given_the_socket() {
    for native in [false, true] {
        let pod = istio(native);
        let (whole, injection) = injected_with(&pod, &settings());
        assert_eq!(names(&whole, "initContainers")[0], "hopgate", "{native}");
        assert!(
            !names(&whole, "initContainers").contains(&"hopgate-envoy".to_owned()),
            "{native}: one Envoy is enough"
        );
        let mounts = socket_mounts(&whole);
        assert_eq!(mounts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["hopgate", "istio-proxy"]);
        assert_eq!(mounts[1].1, json!({ "name": SOCKET, "mountPath": "/run/hopgate", "readOnly": true }));
        assert_eq!(injection.awaited, None);
        let warning =
            "hopgate: `istio-proxy` runs as another user than hopgate: hopgate.yaml needs `socket_mode: \"0666\"`";
        assert_eq!(injection.warnings, [warning], "{native}");
        assert_eq!(injected(&whole), whole, "{native}");
    }
}

/// Istio makes its sidecar answer for the probes of every container, by HTTP, TCP and gRPC. hopgate starts before that
/// sidecar, so a probe of these kinds would never succeed.
#[test]
fn beside_another_envoy_hopgate_is_probed_without_the_network() {
    let all =
        [istio(true), annotated(&[("hopgate.dev/envoy", "invoices")]), annotated(&[("hopgate.dev/envoy", "none")])];
    for pod in all {
        let whole = injected(&pod);
        for (probe, what) in [("startupProbe", "livez"), ("livenessProbe", "livez"), ("readinessProbe", "readyz")] {
            let probe = container(&whole, "hopgate")[probe].clone();
            assert_eq!(probe["exec"]["command"], json!(["/hopgate", "probe", what]));
            assert!(["httpGet", "tcpSocket", "grpc"].iter().all(|kind| probe.get(kind).is_none()), "{probe}");
        }
    }
}

#[test]
fn istio_may_come_after_hopgate() {
    let pod = edited(|pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("true"));
    let (first, injection) = injected_with(&pod, &settings());
    assert_eq!(injection.awaited.as_deref(), Some("istio-proxy"));
    assert_eq!(names(&first, "initContainers"), ["hopgate", "migrate"]);
    // Istio puts a native sidecar first, whatever is there.
    let mut then = first.clone();
    let proxy = container(&istio(true), "istio-proxy").clone();
    then["spec"]["initContainers"].as_array_mut().unwrap().insert(0, proxy);
    let (whole, injection) = injected_with(&then, &settings());
    assert_eq!(injection.added, ["the socket to container `istio-proxy`"]);
    assert_eq!(socket_mounts(&whole).len(), 2);
    assert_eq!(injected(&whole), whole);

    for pod in [
        edited(|pod| pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = json!("true")),
        annotated(&[("hopgate.dev/envoy", "istio-proxy")]),
    ] {
        assert_eq!(injected_with(&pod, &settings()).1.awaited.as_deref(), Some("istio-proxy"));
    }
}

#[test]
fn two_envoys_are_refused_and_told_what_to_write() {
    // Nothing of the pod said that Istio would come: its namespace did.
    let mut pod = injected(&edited(|_| {}));
    pod["spec"]["containers"].as_array_mut().unwrap().push(json!({ "name": "istio-proxy", "image": "istio/proxyv2" }));
    let refusal = refusal(&pod).to_string();
    assert!(
        refusal.contains("`hopgate-envoy` is there although") && refusal.contains("hopgate.dev/envoy"),
        "{refusal}"
    );
}

#[test]
fn an_envoy_that_the_pod_names_is_given_the_socket() {
    let pod = edited(|pod| {
        pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("proxy");
        // No mounts at all, and not the first in its list.
        let proxy = json!({ "name": "proxy", "image": "envoy", "securityContext": { "runAsUser": 65532 } });
        pod["spec"]["containers"].as_array_mut().unwrap().push(proxy);
    });
    let (whole, injection) = injected_with(&pod, &settings());
    let mount = json!({ "name": SOCKET, "mountPath": "/run/hopgate", "readOnly": true });
    assert_eq!(container(&whole, "proxy")["volumeMounts"], json!([mount]));
    assert_eq!(injection.warnings, Vec::<String>::new(), "the same user needs no other mode");
    assert_eq!(container(&whole, "invoices"), container(&pod, "invoices"));
}

#[test]
fn none_means_that_no_container_is_touched() {
    let pod = annotated(&[("hopgate.dev/envoy", "none")]);
    let (whole, injection) = injected_with(&pod, &settings());
    assert_eq!(names(&whole, "initContainers"), ["hopgate", "migrate"]);
    assert_eq!(whole["spec"]["containers"], pod["spec"]["containers"]);
    assert!(volume(&whole, SOCKET).is_object());
    assert_eq!(injection.warnings, ["hopgate: no Envoy of this pod asks it, so it protects nothing here"]);
}

#[test]
fn an_envoy_that_is_none_is_refused() {
    for (name, part) in [
        ("absent", "expected `none` or a container of the pod: `migrate`, `invoices`"),
        ("migrate", "it ends before the others start"),
        ("hopgate", "leave the annotation out"),
        ("hopgate-envoy", "leave the annotation out"),
        ("", "expected `none` or a container of the pod"),
        ("None", "expected `none` or a container of the pod"),
    ] {
        let refusal = refusal(&annotated(&[("hopgate.dev/envoy", name)])).to_string();
        assert!(refusal.contains(part), "{name}: {refusal}");
    }
}

#[test]
fn what_lies_over_the_socket_in_the_pods_envoy_is_refused() {
    for mount in [
        json!({ "name": SOCKET, "mountPath": "/elsewhere", "readOnly": true }),
        json!({ "name": SOCKET, "mountPath": "/run/hopgate" }),
        json!({ "name": SOCKET, "mountPath": "/run/hopgate", "readOnly": true, "subPath": "x" }),
        json!({ "name": "data", "mountPath": "/run/hopgate" }),
        json!({ "name": "data", "mountPath": "/run/hopgate/" }),
        json!({ "name": "data", "mountPath": "/run//hopgate/check.sock" }),
    ] {
        let pod = edited(|pod| {
            pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("invoices");
            pod["spec"]["containers"][0]["volumeMounts"] = json!([mount]);
        });
        let refusal = refusal(&pod).to_string();
        assert!(refusal.contains("has another mount at `/run/hopgate`"), "{mount}: {refusal}");
    }
    // A folder above is mounted before, and hides nothing.
    let pod = edited(|pod| {
        pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("invoices");
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "run", "mountPath": "/run" }]);
    });
    assert_eq!(socket_mounts(&injected(&pod)).len(), 2);
}
