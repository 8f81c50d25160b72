//! Envoy configurations to start from, and Envoy's own opinion of them.

use std::path::Path;
use std::process::Command;

use hopgate::dev::certs::MeshCa;
use hopgate::lint::{self, Input, Options, Report};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Path of the HTTP connection manager in each.
pub(crate) const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

/// Path of the `ext_authz` filter's settings in each.
pub(crate) const AUTHZ: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config";

/// Path of the first route in each.
pub(crate) const ROUTE: &str =
    "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/0";

/// A clean configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The inbound listener of a sidecar, of docs/envoy.md.
    Sidecar,
    /// k8s/envoy/gateway.yaml.
    Gateway,
    /// k8s/istio/sidecar, as one list of objects.
    Istio,
    /// k8s/istio/shared and the mesh configuration.
    IstioShared,
    /// k8s/envoy-gateway with hopgate in the gateway's pods, and with one that is shared.
    EnvoyGateway,
    EnvoyGatewayShared,
}

impl Base {
    pub(crate) fn value(self) -> Value {
        let files = self.files();
        if files.is_empty() {
            return serde_saphyr::from_str(&self.text()).expect("YAML");
        }
        let mut items: Vec<Value> = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(format!("k8s/{file}.yaml")).expect("a file");
            items.extend(serde_saphyr::from_multiple::<Value>(&text).expect("YAML"));
        }
        for item in &mut items {
            if let Some(mesh) = item.get("meshConfig").cloned() {
                *item = json!({
                    "apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": { "meshConfig": mesh },
                });
            }
        }
        json!({ "apiVersion": "v1", "kind": "List", "items": items })
    }

    /// Those of objects, in `k8s`.
    pub(crate) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Sidecar | Self::Gateway => &[],
            Self::Istio => &[
                "istio/sidecar/envoy-filter",
                "istio/sidecar/authorization-policy",
                "istio/sidecar/peer-authentication",
            ],
            Self::IstioShared => &[
                "istio/istiod-values",
                "istio/shared/authorization-policy",
                "istio/shared/envoy-filter",
                "istio/shared/destination-rule",
                "istio/shared/peer-authentication",
            ],
            Self::EnvoyGateway => &[
                "envoy-gateway/gateway",
                "envoy-gateway/patch-policy",
                "envoy-gateway/sidecar/security-policy",
                "envoy-gateway/sidecar/backend",
                "envoy-gateway/sidecar/envoy-proxy",
            ],
            Self::EnvoyGatewayShared => &[
                "envoy-gateway/gateway",
                "envoy-gateway/patch-policy",
                "envoy-gateway/shared/security-policy",
                "envoy-gateway/shared/backend-tls-policy",
                "envoy-gateway/shared/envoy-proxy",
            ],
        }
    }

    pub(crate) fn text(self) -> String {
        match self {
            Self::Gateway => std::fs::read_to_string("k8s/envoy/gateway.yaml").expect("a file"),
            Self::Istio | Self::IstioShared | Self::EnvoyGateway | Self::EnvoyGatewayShared => {
                format!("{:#}", self.value())
            }
            Self::Sidecar => {
                let page = std::fs::read_to_string("docs/envoy.md").expect("a file");
                let block = page.split("```yaml envoy\n").nth(1).and_then(|rest| rest.split("```").next());
                block.expect("a block").to_owned()
            }
        }
    }
}

pub(crate) fn lint(value: &Value) -> Report {
    lint_with(value, &Options::default())
}

pub(crate) fn lint_with(value: &Value, options: &Options) -> Report {
    lint_text(&format!("{value:#}"), options)
}

pub(crate) fn lint_text(text: &str, options: &Options) -> Report {
    lint::lint(&[Input { name: "envoy.yaml".to_owned(), text: text.to_owned() }], options)
}

/// `rule path` of each finding.
pub(crate) fn findings(report: &Report) -> Vec<String> {
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report.findings.iter().map(|finding| format!("{} {}", finding.rule.id(), finding.path)).collect()
}

/// The files that the samples name, somewhere else.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ids = ["spiffe://cluster.local/ns/agents/sa/gateway".to_owned()];
        MeshCa::generate("cluster.local").expect("a CA").write(folder.path(), &ids).expect("written");
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// `text` with the paths of certificates and keys that exist.
    pub(crate) fn placed(&self, text: &str) -> String {
        let at = |name: &str| self.path().join(name).to_str().expect("UTF-8").to_owned();
        let (certificate, key, ca) = (at("gateway.pem"), at("gateway-key.pem"), at("ca.pem"));
        [
            ("/etc/mesh/cert.pem", &certificate),
            ("/etc/mesh/key.pem", &key),
            ("/etc/mesh/ca.pem", &ca),
            ("/etc/mesh/tls.crt", &certificate),
            ("/etc/mesh/tls.key", &key),
            ("/etc/mesh/ca.crt", &ca),
            ("/etc/gateway/tls.crt", &certificate),
            ("/etc/gateway/tls.key", &key),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    /// What Envoy says of `text`: nothing where it takes it.
    pub(crate) fn envoy_refuses(&self, text: &str) -> Option<String> {
        let file = self.path().join("envoy.yaml");
        std::fs::write(&file, self.placed(text)).expect("written");
        let output = Command::new(testbed::envoy::binary().expect("Envoy"))
            .args(["--mode", "validate", "--log-level", "error", "--service-node", "a", "--service-cluster", "a"])
            .arg("--config-path")
            .arg(&file)
            .output()
            .expect("run");
        (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
