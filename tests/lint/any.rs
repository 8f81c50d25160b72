//! Any change of a configuration: the lint gives an answer, and never calls clean what it did not understand.

use hopgate::lint::{Options, Severity};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::sample::{Base, lint, lint_text};

/// Pointers of everything in `value`.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut within = |name: &str, value: &Value| {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        pointers(value, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| within(name, value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| within(&at.to_string(), item)),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z0-9:/@.*\\\\s-]{0,12}".prop_map(Value::from),
        Just(json!("type.googleapis.com/xds.type.v3.TypedStruct")),
        Just(json!("-1e400s")),
    ];
    plain.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_@]{1,12}", inner, 0..3).prop_map(|fields| json!(fields)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_configuration_gets_an_answer(
        changes in prop::collection::vec((any::<Index>(), anything()), 1..4),
        gateway: bool,
    ) {
        let mut config = if gateway { Base::Gateway } else { Base::Sidecar }.value();
        for (index, value) in changes {
            let mut all = Vec::new();
            pointers(&config, "", &mut all);
            let pointer = all.get(index.index(all.len().max(1)));
            if let Some(place) = pointer.and_then(|pointer| config.pointer_mut(pointer)) {
                *place = value;
            }
        }
        let report = lint(&config);
        let errors = report.count(Severity::Error);
        prop_assert!(report.managers > 0 || errors > 0 || !report.faults.is_empty(), "{config}");
    }

    #[test]
    fn any_text_gets_an_answer(text in "[\\PC\\n]{0,200}") {
        prop_assert!(!lint_text(&text, &Options::default()).faults.is_empty());
    }
}

/// A mesh of thousands of services: their routes and clusters are found by name, not by looking through all of them.
#[test]
fn a_large_dump_takes_no_long_time() {
    let bootstrap = Base::Sidecar.value();
    let mut listener = bootstrap["static_resources"]["listeners"][0].clone();
    listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
    let hopgate = bootstrap["static_resources"]["clusters"][0].clone();
    let count = 3000;
    let clusters = (0..count).map(|at| {
        json!({ "cluster": {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": format!("service-{at}"), "type": "EDS",
    } })
    });
    let mut hopgate = json!({ "cluster": hopgate });
    hopgate["cluster"]["@type"] = json!("type.googleapis.com/envoy.config.cluster.v3.Cluster");
    let listeners = (0..count).map(|at| {
        let mut listener = listener.clone();
        listener["name"] = json!(at.to_string());
        let pointer = format!(
            "{}/route_config/virtual_hosts/0/routes/0/route/cluster",
            "/filter_chains/0/filters/0/typed_config"
        );
        *listener.pointer_mut(&pointer).unwrap() = json!(format!("service-{at}"));
        json!({ "name": at.to_string(), "active_state": { "listener": listener } })
    });
    let dump = json!({ "configs": [
        { "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
          "dynamic_active_clusters": clusters.chain([hopgate]).collect::<Vec<_>>() },
        { "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
          "dynamic_listeners": listeners.collect::<Vec<_>>() },
    ] })
    .to_string();
    let started = std::time::Instant::now();
    let report = lint_text(&dump, &Options::default());
    println!("{} MiB in {:?}", dump.len() >> 20, started.elapsed());
    assert_eq!((report.managers, report.findings.len(), report.faults.len()), (count, 0, 0));
    // A debug build on two busy cores.
    assert!(started.elapsed() < std::time::Duration::from_secs(60));
}
