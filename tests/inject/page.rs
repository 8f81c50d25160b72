//! What docs/injection.md shows is what the webhook takes and adds.

use serde_json::{Value, json};

use super::pods::{container, injected};
use crate::support::plan::{Plan, set};

fn block(kind: &str) -> Value {
    let page = std::fs::read_to_string("docs/injection.md").expect("the page");
    let fence = format!("\n```yaml {kind}\n");
    let (_, rest) = page.split_once(&fence).unwrap_or_else(|| panic!("no `{kind}` block"));
    serde_saphyr::from_str(rest.split_once("\n```").expect("its end").0).expect("YAML")
}

#[test]
fn the_label_and_one_annotation_are_enough() {
    let mut pod = block("pod");
    pod["spec"] = json!({ "containers": [{ "name": "invoices", "image": "invoices:1" }] });
    let whole = injected(&pod);
    assert_eq!(container(&whole, "hopgate")["restartPolicy"], "Always");
}

#[test]
fn the_configuration_listens_where_the_containers_look() {
    let written = block("hopgate-sidecar");
    let pod = injected(&super::pods::labelled());
    let hopgate = container(&pod, "hopgate");
    let socket = written["listen"].as_str().unwrap().strip_prefix("unix:").expect("a Unix socket");
    let folder = socket.rsplit_once('/').expect("a folder").0;
    let mounts = hopgate["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["name"] == "hopgate-socket" && mount["mountPath"] == folder));
    let (host, port) = written["admin"].as_str().unwrap().split_once(':').expect("an address");
    assert_eq!(host, "0.0.0.0");
    assert_eq!(port, hopgate["ports"][0]["containerPort"].to_string());
    let plan = Plan::new();
    let mut config = plan.config.clone();
    for (field, value) in written.as_object().unwrap() {
        set(&mut config, &format!("/{field}"), value.clone());
    }
    let loaded = hopgate::config::load_text(&config.to_string(), plan.dir.root());
    loaded.unwrap_or_else(|faults| panic!("{faults:?}"));
}
