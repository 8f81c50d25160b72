//! Pods of odd shapes. Whatever a pod says beside what is added must come out as it went in.

use hopgate::inject::inject;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::pods::{edited, injected, injected_with, names, patched, refusal, settings};

#[test]
fn lists_that_are_absent_null_or_empty_are_made() {
    for list in ["initContainers", "volumes"] {
        for value in [None, Some(json!(null)), Some(json!([]))] {
            let pod = edited(|pod| {
                let spec = pod["spec"].as_object_mut().unwrap();
                spec.remove(list);
                if let Some(value) = value.clone() {
                    spec.insert(list.to_owned(), value);
                }
            });
            let whole = injected(&pod);
            assert_eq!(names(&whole, "initContainers")[..2], ["hopgate", "hopgate-envoy"], "{list} {value:?}");
            assert!(names(&whole, "volumes").contains(&"hopgate-socket".to_owned()), "{list} {value:?}");
            assert_eq!(injected(&whole), whole);
        }
    }
    for mounts in [json!(null), json!([])] {
        let pod = edited(|pod| {
            pod["metadata"]["annotations"]["hopgate.dev/envoy"] = json!("invoices");
            pod["spec"]["containers"][0]["volumeMounts"] = mounts.clone();
        });
        assert_eq!(injected(&pod)["spec"]["containers"][0]["volumeMounts"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn keys_with_slashes_and_tildes_are_escaped() {
    // RFC 6901 section 3: `~` is `~0` and `/` is `~1`.
    let pod = edited(|_| {});
    let (whole, injection) = injected_with(&pod, &settings());
    let text = serde_json::to_string(&injection.patch).unwrap();
    assert!(text.contains("/metadata/annotations/hopgate.dev~1injected"), "{text}");
    assert_eq!(whole["metadata"]["annotations"]["team/on~call"], "a/b~c");
}

#[test]
fn what_is_no_pod_is_refused_and_not_guessed_at() {
    for (part, change) in [
        ("spec is not an object", ("spec", json!([]))),
        ("spec is not an object", ("spec", json!(null))),
        ("metadata.annotations is not an object", ("metadata", json!({ "annotations": [] }))),
        (
            "metadata.annotations[hopgate.dev/config] is not text",
            ("metadata", json!({ "annotations": { "hopgate.dev/config": 1 } })),
        ),
    ] {
        let pod = edited(|pod| pod[change.0] = change.1.clone());
        assert!(refusal(&pod).to_string().contains(part), "{pod}");
    }
    for (part, field, value) in [
        ("spec.containers is not a list", "containers", json!({})),
        ("spec.containers[0] has no name", "containers", json!([{}])),
        ("spec.containers[0] has no name", "containers", json!(["invoices"])),
        ("spec.initContainers is not a list", "initContainers", json!("x")),
        ("spec.volumes[1] has no name", "volumes", json!([{ "name": "a" }, null])),
        ("spec.containers[0].volumeMounts is not a list", "containers", json!([{ "name": "a", "volumeMounts": {} }])),
        ("spec.containers[0].ports is not a list", "containers", json!([{ "name": "a", "ports": 1 }])),
    ] {
        let pod = edited(|pod| pod["spec"][field] = value.clone());
        assert!(refusal(&pod).to_string().contains(part), "{pod}");
    }
}

/// JSON of any shape, seldom deep.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~äß/~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..5).prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// Keys that mean something here.
const KNOWN: [&str; 21] = [
    "request",
    "uid",
    "object",
    "oldObject",
    "kind",
    "apiVersion",
    "resource",
    "operation",
    "metadata",
    "labels",
    "annotations",
    "spec",
    "containers",
    "initContainers",
    "volumes",
    "name",
    "volumeMounts",
    "ports",
    "hopgate.dev/inject",
    "hopgate.dev/config",
    "hopgate.dev/envoy",
];

/// One of them, or any other.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![prop::sample::select(&KNOWN[..]).prop_map(str::to_owned), "[a-z/~.]{0,8}"]
}

/// A pod with what is asked for, and any JSON wherever else there is room.
fn any_labelled_pod() -> impl Strategy<Value = Value> {
    let extra = || prop::collection::vec(("x-[a-z/~]{0,6}", any_json()), 0..4).prop_map(Map::from_iter);
    let container = || {
        ("c-[a-z]{1,6}", extra()).prop_map(|(name, mut fields)| {
            fields.insert("name".to_owned(), Value::from(name));
            Value::from(fields)
        })
    };
    let list = |item: BoxedStrategy<Value>| {
        prop_oneof![
            Just(None),
            Just(Some(Value::Null)),
            prop::collection::vec(item, 0..4).prop_map(|items| Some(Value::from(items))),
        ]
    };
    let parts =
        (extra(), extra(), extra(), list(container().boxed()), list(container().boxed()), list(container().boxed()));
    parts.prop_map(|(mut pod, mut annotations, mut spec, init, main, volumes)| {
        annotations.insert("hopgate.dev/config".to_owned(), json!("c"));
        for (field, value) in [("initContainers", init), ("containers", main), ("volumes", volumes)] {
            spec.extend(value.map(|value| (field.to_owned(), value)));
        }
        pod.insert(
            "metadata".to_owned(),
            json!({ "labels": { "hopgate.dev/inject": "true" }, "annotations": annotations }),
        );
        pod.insert("spec".to_owned(), Value::from(spec));
        Value::from(pod)
    })
}

/// `whole` without what hopgate added.
fn without_ours(whole: &Value) -> Value {
    let mut pod = whole.clone();
    for list in ["initContainers", "containers", "volumes"] {
        if let Some(items) = pod["spec"].get_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| !item["name"].as_str().unwrap_or_default().starts_with("hopgate"));
        }
    }
    pod["metadata"]["annotations"].as_object_mut().unwrap().remove("hopgate.dev/injected");
    pod["metadata"]["labels"].as_object_mut().unwrap().remove("hopgate.dev/guarded");
    pod
}

proptest! {
    #[test]
    fn the_pod_keeps_everything_it_had(pod in any_labelled_pod()) {
        let injection = inject(&pod, &settings()).unwrap();
        let whole = patched(&pod, &injection.patch);
        let (mut before, after) = (pod.clone(), without_ours(&whole));
        // An empty list is not told from none.
        for list in ["initContainers", "volumes"] {
            if before["spec"].get(list).is_none_or(Value::is_null) {
                before["spec"][list] = json!([]);
            }
        }
        prop_assert_eq!(before, after);
        prop_assert!(inject(&whole, &settings()).unwrap().patch.is_empty());
    }

    #[test]
    fn json_of_any_shape_is_decided_upon(pod in any_json()) {
        if let Ok(injection) = inject(&pod, &settings()) {
            prop_assert!(!injection.patch.is_empty());
        }
    }

    /// However the pod was broken on the way: it is whole after one more pass, or it is refused.
    #[test]
    fn a_pod_with_any_part_replaced_is_made_whole_or_refused(at in any::<prop::sample::Index>(), part in any_json()) {
        let mut pod = injected(&super::pods::labelled());
        let mut pointers = Vec::new();
        collect(&pod, String::new(), &mut pointers);
        *pod.pointer_mut(at.get::<String>(&pointers)).unwrap() = part;
        if let Ok(injection) = inject(&pod, &settings()) {
            let whole = patched(&pod, &injection.patch);
            prop_assert!(inject(&whole, &settings()).unwrap().patch.is_empty());
        }
    }
}

/// Every place in `value` (RFC 6901).
fn collect(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{at}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push(pointer);
}
