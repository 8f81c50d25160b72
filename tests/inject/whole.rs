//! What a labelled pod is given.

use serde_json::{Value, json};
use testbed::kubernetes;

use super::pods::{annotated, container, edited, injected, labelled, names, patched, volume};
use super::webhook::Webhook;

/// What a cluster of each of these versions would accept: the first with native sidecars on, one between, the newest.
const VERSIONS: [&str; 3] = ["1.30", "1.33", "1.37"];

fn kinds_of_pods() -> Vec<(&'static str, Value)> {
    vec![
        ("plain", labelled()),
        ("secrets", annotated(&[("hopgate.dev/secrets", "redis")])),
        ("certificate", annotated(&[("hopgate.dev/certificate", "invoices-tls")])),
        ("own envoy", annotated(&[("hopgate.dev/envoy", "invoices")])),
        ("no envoy", annotated(&[("hopgate.dev/envoy", "none")])),
        ("awaited", edited(|pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("true"))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labelled_pod_is_given_hopgate_and_an_envoy_that_asks_it() {
    let webhook = Webhook::start().await;
    let reviewed = webhook.review(&labelled()).await;
    let patch = reviewed.patch().expect("a patch");
    let pod = patched(&labelled(), &patch);
    assert_eq!(names(&pod, "initContainers"), ["hopgate", "hopgate-envoy", "migrate"]);
    assert_eq!(names(&pod, "containers"), ["invoices"]);
    assert_eq!(pod["metadata"]["annotations"]["hopgate.dev/injected"], env!("CARGO_PKG_VERSION"));
    assert_eq!(pod, injected(&labelled()), "the function and the webhook are one");
    insta::assert_json_snapshot!("patch_of_a_plain_pod", patch);
    let mut review = reviewed.review.clone();
    review["response"]["patch"] = json!("[base64]");
    insta::assert_json_snapshot!("answer_to_a_plain_pod", review);

    let again = webhook.review(&pod).await;
    assert_eq!(again.patch(), None, "asked again, nothing is missing");
    let line = webhook.log().into_iter().find(|line| line["message"] == "reviewed").expect("a line a review");
    for (field, value) in [
        ("namespace", "agents"),
        ("pod", "invoices-7d9c5b8f6d-"),
        ("uid", "705ab4f5-6393-11e8-b7cc-42010a800002"),
        ("outcome", "injected"),
        ("pass", "mutate"),
    ] {
        assert_eq!(line[field], value, "{line}");
    }
    assert!(line["reason"].as_str().unwrap().contains("container `hopgate-envoy`"), "{line}");
}

#[test]
fn the_pod_is_one_to_every_version_of_kubernetes() {
    let faults = |version: &str, pods: Vec<Value>| {
        let documents: Vec<_> = pods.iter().map(|pod| format!("{pod:#}\n")).collect();
        kubernetes::faults(version, &documents.join("---\n")).expect("a validator")
    };
    for version in VERSIONS {
        let pods = kinds_of_pods().iter().map(|(_, pod)| injected(pod)).collect();
        assert_eq!(faults(version, pods), Vec::<String>::new(), "{version}");
    }
    let mut broken = injected(&labelled());
    broken["metadata"]["name"] = json!("broken");
    broken["spec"]["initContainers"][0]["readyProbe"] = json!({});
    assert_eq!(faults("1.37", vec![injected(&labelled()), broken]).len(), 1, "the validator does look");
}

/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>, each of its rows.
#[test]
fn what_is_added_is_restricted() {
    let volume_kinds =
        ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
    for (kind, pod) in kinds_of_pods() {
        let pod = injected(&pod);
        for name in ["hopgate", "hopgate-envoy"] {
            if !names(&pod, "initContainers").iter().any(|found| found == name) {
                continue;
            }
            let added = container(&pod, name);
            let context = &added["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{kind} {name}");
            assert_eq!(context["capabilities"], json!({ "drop": ["ALL"] }), "{kind} {name}");
            assert_eq!(context["privileged"], false, "{kind} {name}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{kind} {name}");
            assert_eq!(context["runAsNonRoot"], true, "{kind} {name}");
            assert_eq!(context["runAsUser"], 65532, "{kind} {name}");
            assert_eq!(context["seccompProfile"], json!({ "type": "RuntimeDefault" }), "{kind} {name}");
            for absent in ["seLinuxOptions", "procMount", "windowsOptions", "appArmorProfile"] {
                assert!(context.get(absent).is_none(), "{kind} {name} {absent}");
            }
            assert!(
                added["ports"].as_array().unwrap().iter().all(|port| port.get("hostPort").is_none()),
                "{kind} {name}"
            );
            assert!(!added.to_string().contains("\"host\":"), "{kind} {name}: no probe names a host");
        }
        for volume in pod["spec"]["volumes"].as_array().unwrap() {
            let sources: Vec<_> = volume.as_object().unwrap().keys().filter(|key| *key != "name").collect();
            assert_eq!(sources.len(), 1, "{volume}");
            assert!(volume_kinds.contains(&sources[0].as_str()), "{volume}");
        }
    }
}

#[test]
fn hopgate_starts_first_and_ends_last() {
    let pod = injected(&labelled());
    // Native sidecars start in this order, each after the startup probe of the one before, and end in the other order
    // after every container of the service.
    for (at, name) in ["hopgate", "hopgate-envoy"].into_iter().enumerate() {
        assert_eq!(pod["spec"]["initContainers"][at]["name"], name);
        assert_eq!(pod["spec"]["initContainers"][at]["restartPolicy"], "Always");
        assert!(pod["spec"]["initContainers"][at]["startupProbe"].is_object());
    }
}

#[test]
fn no_service_account_token_is_mounted_into_what_is_added() {
    let pod = injected(&labelled());
    for name in ["hopgate", "hopgate-envoy"] {
        let mounts = container(&pod, name)["volumeMounts"].as_array().unwrap();
        // The admission plugin mounts it where nothing is mounted yet.
        let there: Vec<_> = mounts.iter().filter(|mount| mount["mountPath"] == super::pods::TOKEN).collect();
        assert_eq!(there.len(), 1, "{name}");
        assert_eq!(there[0]["name"], "hopgate-no-token");
    }
    assert_eq!(volume(&pod, "hopgate-no-token")["emptyDir"], json!({ "sizeLimit": "1Mi" }));
}

#[test]
fn the_socket_is_shared_by_two_and_kept_in_memory() {
    let pod = injected(&labelled());
    assert_eq!(volume(&pod, "hopgate-socket")["emptyDir"], json!({ "medium": "Memory", "sizeLimit": "1Mi" }));
    let mut with_socket = Vec::new();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array().unwrap() {
            for mount in container["volumeMounts"].as_array().unwrap() {
                if mount["name"] == "hopgate-socket" {
                    with_socket.push((
                        container["name"].clone(),
                        mount["mountPath"].clone(),
                        mount.get("readOnly").cloned(),
                    ));
                }
            }
        }
    }
    assert_eq!(
        with_socket,
        [
            (json!("hopgate"), json!("/run/hopgate"), None),
            (json!("hopgate-envoy"), json!("/run/hopgate"), Some(json!(true))),
        ]
    );
}

#[test]
fn every_kind_of_pod_is_whole_after_one_pass() {
    for (kind, pod) in kinds_of_pods() {
        let once = injected(&pod);
        assert_eq!(injected(&once), once, "{kind}");
    }
}

#[test]
fn names_are_what_operators_wrote_down() {
    let pod = injected(&annotated(&[("hopgate.dev/secrets", "redis"), ("hopgate.dev/certificate", "invoices-tls")]));
    insta::assert_json_snapshot!("pod_with_everything", pod);
}
