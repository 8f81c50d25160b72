//! Wrong values: `helm template` fails, and says what to write.

use serde_json::{Value, json};

use super::helm::{example, template};
use crate::support::plan::set;

/// Of which example, what is changed, and what has to be said.
#[expect(clippy::too_many_lines, reason = "a table")]
fn faults() -> Vec<(&'static str, &'static str, Value, &'static [&'static str])> {
    vec![
        ("sidecar", "/shard", json!({}), &["additional properties 'shard' not allowed"]),
        ("sidecar", "/injector/replicas", json!(0), &["/injector/replicas", "minimum: got 0, want 1"]),
        ("sidecar", "/injector/failurePolicy", json!("Ignore"), &["additional properties 'failurePolicy' not allowed"]),
        (
            "sidecar",
            "/injector/enabled",
            json!(false),
            &["workloads: they need the injector", "injector.enabled: true"],
        ),
        ("sidecar", "/image/digest", json!("latest"), &["/image/digest", "does not match pattern"]),
        ("sidecar", "/workloads/invoices/port", json!(70000), &["/workloads/invoices/port", "want 65,535"]),
        ("sidecar", "/workloads/invoices/port", json!(15443), &["/workloads/invoices/port"]),
        ("sidecar", "/workloads/invoices/port", json!("8080"), &["/workloads/invoices/port", "want integer"]),
        ("sidecar", "/workloads/Invoices", json!({}), &["'Invoices'"]),
        (
            "sidecar",
            "/workloads/invoices/config/listen",
            json!("unix:/a"),
            &["additional properties 'listen' not allowed"],
        ),
        ("sidecar", "/workloads/invoices/config/servces", json!([]), &["additional properties 'servces' not allowed"]),
        (
            "sidecar",
            "/workloads/invoices/config/services/0/routes/0/scope",
            json!("a"),
            &["/workloads/invoices/config/services/0/routes/0", "additional properties 'scope' not allowed"],
        ),
        (
            "sidecar",
            "/workloads/invoices/config/services",
            json!([service("a"), service("b")]),
            &["workloads.invoices.config.services: found 2 services, expected one", "Write one workload for each"],
        ),
        (
            "sidecar",
            "/workloads/invoices/policies",
            json!({ "invoices.cedar": "", "envoy.yaml": "static_resources: {}" }),
            &["`envoy.yaml` is written by the chart", "Choose another name"],
        ),
        (
            "sidecar",
            "/workloads/invoices/config/policy",
            Value::Null,
            &["workloads.invoices.policies: `invoices.cedar` is named by no config.policy.files", "*.cedar"],
        ),
        (
            "sidecar",
            "/workloads/invoices/config/policy/files",
            json!(["invoices.cedar", "other.cedar"]),
            &["workloads.invoices.config.policy.files: `other.cedar` is not in workloads.invoices.policies"],
        ),
        ("sidecar", "/workloads/invoices/policies", json!({ "a/b.cedar": "" }), &["invalid propertyName 'a/b.cedar'"]),
        (
            "sidecar",
            "/workloads/invoices/upstreams",
            json!({ "researcher": { "port": 15443 } }),
            &["/workloads/invoices/upstreams/researcher", "missing properties 'address', 'spiffe'"],
        ),
        (
            "sidecar",
            "/workloads/invoices/namespace",
            json!("hopgate-system"),
            &["workloads.invoices.namespace: nothing is injected into `hopgate-system`", "namespace of its own"],
        ),
        ("sidecar", "/workloads/invoices/namespace", json!("kube-system"), &["nothing is injected into `kube-system`"]),
        ("sidecar", "/injector/excludedNamespaces", json!(["agents"]), &["nothing is injected into `agents`"]),
        ("sidecar", "/workloads/invoices/namespace", Value::Null, &["/workloads/invoices/namespace"]),
        (
            "sidecar",
            "/workloads/invoices/upstreams",
            json!({ "a": upstream("gw.agents.svc"), "b": upstream("GW.agents.svc") }),
            &["workloads.invoices.upstreams: `GW.agents.svc` stands for both `a` and `b`", "its own `hosts`"],
        ),
        (
            "sidecar",
            "/workloads/invoices/upstreams",
            json!({ "a": upstream("gw"), "gw": upstream("other") }),
            &["`gw` stands for both `a` and `gw`"],
        ),
        ("sidecar", "/workloads/invoices/upstreams/billing/address", json!("a:443"), &["does not match pattern"]),
        ("sidecar", "/workloads/invoices/upstreams/billing/hosts", json!(["*"]), &["does not match pattern"]),
        ("sidecar", "/sidecar/resources/requests/memory", json!("lots"), &["/sidecar/resources/requests/memory"]),
        ("sidecar", "/sidecar/certificate", json!({ "csii": {} }), &["additional properties 'csii' not allowed"]),
        ("sidecar", "/sidecar/trustDomain", Value::Null, &["/sidecar"]),
        ("sidecar", "/image/repository", json!("a\ncommand: [sh]"), &["/image/repository"]),
        ("shared", "/shared/networkPolicy/egress", json!([]), &["shared.networkPolicy.egress: empty", "port: 6379"]),
        ("sidecar", "/sidecar/certificate", json!({ "csi": {}, "secret": {} }), &["/sidecar/certificate"]),
        ("shared", "/shared/config", json!({}), &["shared.config: missing", "docs/configuration.md"]),
        ("shared", "/shared/clients", json!([]), &["shared.clients: empty", "List the SPIFFE ids"]),
        ("shared", "/shared/clients", json!(["edge"]), &["/shared/clients/0", "does not match pattern"]),
        ("shared", "/shared/clients", json!(["spiffe://cluster.local/ns/gateways/*"]), &["/shared/clients/0"]),
        (
            "shared",
            "/shared/tls/secretName",
            json!(""),
            &["shared.tls: write either secretName", "or certManager: true"],
        ),
        ("shared", "/shared/tls/certManager", json!(true), &["shared.tls: write either secretName"]),
        (
            "shared",
            "/shared/tls",
            json!({ "secretName": "", "certManager": true }),
            &["shared.tls.issuerRef: missing", "Name the Issuer"],
        ),
        (
            "shared",
            "/shared/config/replay",
            json!({ "store": "memory" }),
            &["would pass once at each", "store: redis", "acceptReplayPerReplica: true"],
        ),
        (
            "shared",
            "/shared/autoscaling/minReplicas",
            json!(20),
            &["shared.autoscaling.maxReplicas: found 10, expected at least minReplicas (20)"],
        ),
        ("shared", "/shared/config/tls", json!({}), &["additional properties 'tls' not allowed"]),
        ("shared", "/shared/terminationGracePeriodSeconds", json!(3), &["/shared/terminationGracePeriodSeconds"]),
    ]
}

fn upstream(address: &str) -> Value {
    json!({ "address": address, "spiffe": "spiffe://cluster.local/ns/agents/sa/other" })
}

fn service(name: &str) -> Value {
    let route = json!({ "name": "all", "match": { "method": "GET", "path": "/" } });
    json!({ "name": name, "audience": format!("https://{name}.example"), "routes": [route] })
}

#[test]
fn wrong_values_fail_with_what_to_write() {
    let mut passed = Vec::new();
    for (base, pointer, value, wanted) in faults() {
        let mut values = example(base);
        set(&mut values, pointer, value.clone());
        match template(&values) {
            Ok(_) => passed.push(format!("{pointer}: {value}")),
            Err(said) => {
                for part in wanted {
                    assert!(said.contains(part), "{pointer}: {value} should say `{part}`, said:\n{said}");
                }
            }
        }
    }
    assert!(passed.is_empty(), "rendered all the same: {passed:#?}");
}
