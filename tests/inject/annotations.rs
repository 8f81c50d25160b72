//! The annotations of a pod, and its label.

use hopgate::inject::{ChosenBy, is_chosen};
use serde_json::{Value, json};

use super::pods::{
    annotated, container, edited, injected, injected_with, labelled, names, refusal, settings_of, volume,
};

#[test]
fn the_config_map_is_mounted_for_both() {
    let pod = injected(&labelled());
    for name in ["hopgate-config", "hopgate-envoy-config"] {
        assert_eq!(volume(&pod, name)["configMap"], json!({ "name": "invoices-hopgate", "defaultMode": 0o444 }));
    }
    let mount = |name: &str, path: &str| json!({ "name": name, "mountPath": path, "readOnly": true });
    let has = |container: &Value, mount: &Value| container["volumeMounts"].as_array().unwrap().contains(mount);
    assert!(has(container(&pod, "hopgate"), &mount("hopgate-config", "/etc/hopgate")));
    assert!(has(container(&pod, "hopgate-envoy"), &mount("hopgate-envoy-config", "/etc/hopgate-envoy")));
    assert!(!has(container(&pod, "hopgate-envoy"), &mount("hopgate-config", "/etc/hopgate")));
}

#[test]
fn without_a_config_map_the_pod_is_refused_and_told_what_to_write() {
    let pod = edited(|pod| {
        pod["metadata"]["annotations"].as_object_mut().unwrap().remove("hopgate.dev/config");
    });
    assert_eq!(
        refusal(&pod).to_string(),
        "annotation `hopgate.dev/config` is missing: write the name of the ConfigMap that holds `hopgate.yaml`"
    );
}

#[test]
fn names_that_no_object_can_have_are_refused() {
    for key in ["hopgate.dev/config", "hopgate.dev/secrets", "hopgate.dev/certificate"] {
        for name in ["", "A", "../x", "a/b", "a b", "a\n", "-a", &"a".repeat(254)] {
            let refusal = refusal(&annotated(&[(key, name)])).to_string();
            assert!(refusal.starts_with(&format!("annotation `{key}` is `{name}`, expected")), "{refusal}");
        }
    }
}

#[test]
fn secrets_are_mounted_for_hopgate_alone() {
    let pod = injected(&annotated(&[("hopgate.dev/secrets", "redis")]));
    assert_eq!(volume(&pod, "hopgate-secrets")["secret"], json!({ "secretName": "redis", "defaultMode": 0o444 }));
    let mount = json!({ "name": "hopgate-secrets", "mountPath": "/etc/hopgate-secrets", "readOnly": true });
    assert!(container(&pod, "hopgate")["volumeMounts"].as_array().unwrap().contains(&mount));
    assert!(!container(&pod, "hopgate-envoy").to_string().contains("hopgate-secrets"));
    assert!(!names(&injected(&labelled()), "volumes").contains(&"hopgate-secrets".to_owned()));
}

#[test]
fn the_certificate_is_the_pods_own_secret_or_what_the_settings_say() {
    let source = |pod: &Value| volume(&injected(pod), "hopgate-certificate").clone();
    let named = annotated(&[("hopgate.dev/certificate", "invoices-tls")]);
    assert_eq!(source(&named)["secret"], json!({ "secretName": "invoices-tls", "defaultMode": 0o444 }));
    assert_eq!(source(&labelled())["csi"], json!({ "driver": "spiffe.csi.cert-manager.io", "readOnly": true }));
    let mount = json!({ "name": "hopgate-certificate", "mountPath": "/etc/mesh", "readOnly": true });
    assert!(container(&injected(&named), "hopgate-envoy")["volumeMounts"].as_array().unwrap().contains(&mount));
    assert!(!container(&injected(&named), "hopgate").to_string().contains("hopgate-certificate"));

    let none = settings_of("hopgate: { image: hopgate }\nenvoy: { image: envoy }\n");
    let (pod, injection) = injected_with(&labelled(), &none);
    assert!(!names(&pod, "volumes").contains(&"hopgate-certificate".to_owned()));
    assert!(injection.warnings.iter().any(|warning| warning.contains("no certificate")), "{:?}", injection.warnings);
}

#[test]
fn the_label_says_true_or_false_and_nothing_else() {
    let with = |label: Value| edited(|pod| pod["metadata"]["labels"]["hopgate.dev/inject"] = label);
    let unlabelled = edited(|pod| {
        pod["metadata"]["labels"].as_object_mut().unwrap().remove("hopgate.dev/inject");
    });
    for (pod, by_pod, by_namespace) in [
        (with(json!("true")), true, true),
        (with(json!("false")), false, false),
        (unlabelled, false, true),
        (json!({ "spec": {} }), false, true),
        (json!({ "metadata": null }), false, true),
        (json!({ "metadata": { "labels": null } }), false, true),
    ] {
        assert_eq!(is_chosen(&pod, ChosenBy::Pod), Ok(by_pod), "{pod}");
        assert_eq!(is_chosen(&pod, ChosenBy::Namespace), Ok(by_namespace), "{pod}");
    }
    // What may mean either is not taken for "no".
    for label in [json!("True"), json!("yes"), json!(""), json!("1"), json!(true), json!(null), json!({})] {
        assert!(is_chosen(&with(label.clone()), ChosenBy::Pod).is_err(), "{label}");
    }
    for pod in [json!({ "metadata": [] }), json!({ "metadata": { "labels": ["hopgate.dev/inject"] } })] {
        assert!(is_chosen(&pod, ChosenBy::Pod).is_err(), "{pod}");
    }
}

#[test]
fn a_port_that_can_be_reached_beside_envoy_is_warned_of() {
    let warnings = injected_with(&labelled(), &super::pods::settings()).1.warnings;
    assert_eq!(
        warnings,
        [
            "hopgate: port 8080 can be reached beside Envoy, unless it listens on 127.0.0.1 or a NetworkPolicy admits 15443 only"
        ]
    );
    let quiet = edited(|pod| pod["spec"]["containers"][0]["ports"] = json!(null));
    assert_eq!(injected_with(&quiet, &super::pods::settings()).1.warnings, Vec::<String>::new());
}

#[test]
fn no_warning_is_longer_than_kubernetes_shows() {
    let many: Vec<_> = (20_000..20_400).map(|port| json!({ "containerPort": port })).collect();
    let pod = edited(|pod| {
        pod["spec"]["containers"][0]["ports"] = json!(many);
        pod["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    });
    let none = settings_of("hopgate: { image: hopgate }\nenvoy: { image: envoy }\n");
    let warnings = injected_with(&pod, &none).1.warnings;
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.len() <= 256), "{warnings:?}");
}
