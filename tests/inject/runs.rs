//! That what is added really runs: the containers' own arguments, mounts and probes, with folders and ports of this machine
//! in place of the cluster's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testbed::{SocketDir, ports};

use super::pods::{annotated, container, injected, labelled};
use crate::support::SOON;
use crate::support::container::Local;
use crate::support::gate::command;
use crate::support::plan::{Plan, set};

/// What a `ConfigMap` for a sidecar says, at the paths of the container.
fn configured(plan: &Plan, local: &Local) -> Value {
    let mut config = plan.config.clone();
    set(&mut config, "/listen", json!(format!("unix:{}", local.path("/run/hopgate/check.sock"))));
    set(&mut config, "/admin", json!(local.ports[&9902].to_string()));
    set(&mut config, "/issuers/0/jwks/file", json!(local.path("/etc/hopgate-secrets/keys.json")));
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn hopgate_starts_with_the_containers_arguments_and_answers_its_probes() {
    for envoy in [None, Some("none")] {
        let mut annotations = vec![("hopgate.dev/secrets", "keys")];
        annotations.extend(envoy.map(|envoy| ("hopgate.dev/envoy", envoy)));
        let pod = injected(&annotated(&annotations));
        let dir = SocketDir::new().expect("a folder");
        let local = Local::new(container(&pod, "hopgate"), dir.root());
        let plan = Plan::new();
        plan.write();
        let keys = plan.dir.root().join("keys.json");
        std::fs::copy(keys, local.path("/etc/hopgate-secrets/keys.json")).unwrap();
        std::fs::write(local.path("/etc/hopgate/hopgate.yaml"), configured(&plan, &local).to_string()).unwrap();
        let mut service = local.start(command());
        local.succeed(&mut service).await;
        // Envoy, which starts once the startup probe has succeeded, finds the socket.
        ports::wait_for_unix(Path::new(&local.path("/run/hopgate/check.sock")), SOON).expect("the socket");
        assert!(service.stop().expect("ended").success(), "SIGTERM ends it well");
        assert!(!local.succeeds(&local.container["livenessProbe"]), "a probe of what has ended fails");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_starts_with_the_containers_arguments_and_answers_its_probes() {
    let pod = injected(&labelled());
    let dir = SocketDir::new().expect("a folder");
    let local = Local::new(container(&pod, "hopgate-envoy"), dir.root());
    std::fs::write(local.path("/etc/hopgate-envoy/envoy.yaml"), envoy_config(local.ports[&15021]).to_string()).unwrap();
    let mut service = local.start(Command::new(testbed::envoy::binary().expect("Envoy")));
    local.succeed(&mut service).await;
    assert!(service.stop().expect("ended").success());
}

/// As little as answers the readiness probe; what the chart renders has its own tests.
fn envoy_config(ready: SocketAddr) -> Value {
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ready",
        "http_filters": [{
            "name": "router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }],
        "route_config": { "virtual_hosts": [{
            "name": "ready", "domains": ["*"],
            "routes": [{ "match": { "path": "/healthz/ready" }, "direct_response": { "status": 200 } }],
        }] },
    });
    json!({ "static_resources": { "listeners": [{
        "name": "ready",
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": ready.port() } },
        "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
    }] } })
}

#[test]
fn a_probe_says_why_it_failed() {
    let nobody = ports::free().expect("a port").to_string();
    let output = command().args(["probe", "readyz", "--admin", &nobody]).output().expect("an end");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("/readyz of {nobody}")), "{output:?}");
}
