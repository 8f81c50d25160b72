//! The chart over a matrix of values, against the schemas of the oldest and the newest Kubernetes it is for.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::helm::{example, lint, template, validate};
use super::pods;
use crate::support::plan::set;

const VERSIONS: [&str; 3] = ["1.30", "1.33", "1.37"];

/// Name, values, and the kinds that are made beside those of `CORE`.
#[expect(clippy::too_many_lines, reason = "a table")]
fn matrix() -> Vec<(&'static str, Value, Vec<&'static str>)> {
    let injector = ["ServiceAccount", "ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"];
    let webhook = [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ];
    let with = |extra: &[&'static str]| [&injector[..], &webhook[..], extra].concat();
    let edited = |name: &str, edits: &[(&str, Value)]| {
        let mut values = example(name);
        for (pointer, value) in edits {
            set(&mut values, pointer, value.clone());
        }
        values
    };
    let memory = [("/shared/config/replay", json!({ "store": "memory" })), ("/shared/secretName", json!(""))];
    vec![
        ("nothing but the defaults", json!({}), with(&["Secret"])),
        ("sidecars", example("sidecar"), with(&["Secret"])),
        (
            "sidecars, certificates by cert-manager",
            edited("sidecar", &[("/injector/certificate/certManager", json!(true))]),
            with(&["Issuer", "Certificate"]),
        ),
        (
            "sidecars, certificates by an issuer of one's own",
            edited(
                "sidecar",
                &[(
                    "/injector/certificate",
                    json!({ "certManager": true, "issuerRef": { "kind": "ClusterIssuer", "name": "internal" } }),
                )],
            ),
            with(&["Certificate"]),
        ),
        (
            "sidecars beside Envoys that are there",
            edited(
                "sidecar",
                &[("/workloads/invoices/ownEnvoy", json!(true)), ("/workloads/invoices/upstreams", json!({}))],
            ),
            with(&["Secret"]),
        ),
        (
            "policies by a pattern",
            edited("sidecar", &[("/workloads/invoices/config/policy/files", json!(["*.cedar"]))]),
            with(&["Secret"]),
        ),
        (
            "no admission policy, no network policy, other namespaces",
            edited(
                "sidecar",
                &[
                    ("/injector/admissionPolicy", json!(false)),
                    ("/sidecar/networkPolicy", json!(false)),
                    ("/injector/excludedNamespaces", json!(["monitoring", "kube-system"])),
                ],
            ),
            [&injector[..], &["Secret", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]].concat(),
        ),
        (
            "an image by digest, out of a registry with a password",
            edited(
                "sidecar",
                &[
                    ("/image", json!({ "digest": format!("sha256:{}", "a".repeat(64)), "pullPolicy": "Always" })),
                    ("/imagePullSecrets", json!([{ "name": "registry" }])),
                ],
            ),
            with(&["Secret"]),
        ),
        ("shared", example("shared"), [&injector[..], &["HorizontalPodAutoscaler"]].concat()),
        (
            "shared, one replica with its own memory",
            edited(
                "shared",
                &[
                    memory[0].clone(),
                    memory[1].clone(),
                    ("/shared/replicas", json!(1)),
                    ("/shared/autoscaling/enabled", json!(false)),
                    ("/shared/networkPolicy/enabled", json!(false)),
                ],
            ),
            injector.iter().copied().filter(|kind| *kind != "NetworkPolicy").collect(),
        ),
        (
            "shared, certificate by cert-manager, and placed",
            edited(
                "shared",
                &[
                    (
                        "/shared/tls",
                        json!({ "secretName": "", "certManager": true, "issuerRef": { "kind": "ClusterIssuer", "name": "mesh" } }),
                    ),
                    ("/shared/nodeSelector", json!({ "pool": "edge" })),
                    ("/shared/tolerations", json!([{ "key": "edge", "operator": "Exists" }])),
                    ("/shared/podAnnotations", json!({ "prometheus.io/scrape": "true" })),
                    (
                        "/shared/affinity",
                        json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
                            { "matchExpressions": [{ "key": "disk", "operator": "In", "values": ["ssd"] }] },
                        ] } } }),
                    ),
                ],
            ),
            [&injector[..], &["HorizontalPodAutoscaler", "Certificate"]].concat(),
        ),
        (
            "both",
            edited(
                "shared",
                &[("/injector/enabled", json!(true)), ("/workloads", example("sidecar")["workloads"].clone())],
            ),
            with(&["Secret", "HorizontalPodAutoscaler"]),
        ),
    ]
}

#[test]
fn every_set_of_values_gives_what_kubernetes_knows() {
    for (name, values, kinds) in matrix() {
        lint(&values);
        let objects = template(&values).unwrap_or_else(|said| panic!("{name}: {said}"));
        let found: BTreeSet<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert_eq!(found, kinds.into_iter().collect(), "{name}");
        for version in VERSIONS {
            for unknown in validate(&objects, version) {
                assert!(["Issuer", "Certificate"].contains(&unknown.as_str()), "{name}: {unknown}");
            }
        }
        let mut names = BTreeSet::new();
        for object in &objects {
            let key = (&object["kind"], &object["metadata"]["namespace"], &object["metadata"]["name"]);
            assert!(names.insert(format!("{key:?}")), "{name}: twice {key:?}");
            pods::check(name, object);
        }
        println!("{name}: {} objects, {} kinds", objects.len(), found.len());
    }
}

#[test]
fn the_validator_would_say_so() {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "a" },
        "spec": { "containers": [{ "name": "a", "image": "a", "imagePulPolicy": "Always" }] },
    });
    let refused = std::panic::catch_unwind(|| validate(std::slice::from_ref(&pod), "1.33"));
    assert!(refused.is_err(), "a misspelled field passed");
    let container = pod["spec"]["containers"][0].as_object_mut().unwrap();
    container.remove("imagePulPolicy");
    assert!(validate(std::slice::from_ref(&pod), "1.33").is_empty());
}
