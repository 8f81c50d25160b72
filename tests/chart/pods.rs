//! What must hold of every pod that the chart makes.

use serde_json::{Value, json};

/// Pod Security "restricted", and what hopgate promises beyond it.
pub(crate) fn check(name: &str, object: &Value) {
    if object["kind"] != "Deployment" {
        return;
    }
    let template = &object["spec"]["template"];
    let pod = &template["spec"];
    let place = format!("{name}: {}", object["metadata"]["name"]);
    assert_eq!(pod["automountServiceAccountToken"], false, "{place}");
    assert!(pod["topologySpreadConstraints"].as_array().is_some_and(|spread| spread.len() == 2), "{place}");
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a grace period");
    for container in pod["containers"].as_array().expect("containers") {
        restricted(&place, &pod["securityContext"], container);
        let resources = &container["resources"];
        assert!(resources["requests"]["cpu"].is_string() && resources["requests"]["memory"].is_string(), "{place}");
        assert!(resources["limits"]["memory"].is_string(), "{place}: unbounded");
        assert!(resources["limits"]["cpu"].is_null(), "{place}: throttled, every call would wait");
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert!(container[probe]["httpGet"]["path"].is_string(), "{place}: no {probe}");
        }
        let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a pause before the end");
        assert!(pause + 10 < grace, "{place}: killed while draining");
        assert!(container["env"].is_null(), "{place}: secrets come as files");
    }
    let selector = object["spec"]["selector"]["matchLabels"].as_object().expect("a selector");
    for (label, value) in selector {
        assert_eq!(&template["metadata"]["labels"][label], value, "{place}");
    }
}

/// The rules of Pod Security "restricted" for a container.
pub(crate) fn restricted(place: &str, pod: &Value, container: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false, "{place}");
    assert_eq!(security["capabilities"], json!({ "drop": ["ALL"] }), "{place}");
    assert!([&security["runAsNonRoot"], &pod["runAsNonRoot"]].contains(&&json!(true)), "{place}");
    assert_eq!(security["readOnlyRootFilesystem"], true, "{place}");
    let seccomp = [&security["seccompProfile"]["type"], &pod["seccompProfile"]["type"]];
    assert!(seccomp.contains(&&json!("RuntimeDefault")), "{place}");
    assert!(security["privileged"].is_null() && security["procMount"].is_null(), "{place}");
    for port in container["ports"].as_array().into_iter().flatten() {
        assert!(port["hostPort"].is_null(), "{place}");
    }
}
