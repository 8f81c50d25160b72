//! Every manifest is what its `CustomResourceDefinition` takes, and holds nothing that the API server would drop.
//!
//! The rules in CEL (`x-kubernetes-validations`) are not run here.

use std::collections::BTreeMap;
use std::fs;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::manifests::{ENVOY_GATEWAY, ISTIO, documents, manifests};

#[test]
fn every_manifest_is_what_its_definition_takes() {
    let definitions = definitions();
    for manifest in [ISTIO, ENVOY_GATEWAY].into_iter().flat_map(manifests) {
        let key = (manifest.value["apiVersion"].as_str().unwrap().to_owned(), manifest.kind().to_owned());
        let place = manifest.file.display();
        let schema = definitions.get(&key).unwrap_or_else(|| panic!("{place}: no definition of {key:?}"));
        let faults: Vec<_> =
            schema.iter_errors(&manifest.value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{place}: {faults:#?}");
    }
}

#[test]
fn a_field_that_is_not_defined_is_a_fault() {
    let definitions = definitions();
    let policy =
        manifests(ENVOY_GATEWAY).into_iter().find(|manifest| manifest.kind() == "SecurityPolicy").unwrap().value;
    let schema = &definitions[&("gateway.envoyproxy.io/v1alpha1".to_owned(), "SecurityPolicy".to_owned())];
    assert!(schema.is_valid(&policy));
    for (pointer, value) in [
        ("/spec/extAuth/failopen", json!(false)),
        ("/spec/extAuth/failOpen", json!("false")),
        ("/spec/extAuth/bodyToExtAuth/packAsBytes", json!(true)),
        ("/spec/extAuth/statusOnError", json!(200)),
        ("/extAuth", json!({})),
    ] {
        let mut spoiled = policy.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        spoiled.pointer_mut(parent).unwrap()[name] = value;
        assert!(!schema.is_valid(&spoiled), "{pointer} was taken");
    }
}

type Definitions = BTreeMap<(String, String), Validator>;

/// Of every served version, by `apiVersion` and `kind`; only the kinds that are used here.
fn definitions() -> Definitions {
    let used: Vec<_> = [ISTIO, ENVOY_GATEWAY].into_iter().flat_map(manifests).map(|it| it.kind().to_owned()).collect();
    let mut found = Definitions::new();
    for entry in fs::read_dir(testbed::crds().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        for definition in documents(&path) {
            let spec = &definition["spec"];
            let kind = spec["names"]["kind"].as_str().unwrap_or_default();
            if !used.iter().any(|used| used == kind) {
                continue;
            }
            for version in spec["versions"].as_array().unwrap() {
                let name = format!("{}/{}", spec["group"].as_str().unwrap(), version["name"].as_str().unwrap());
                let schema = top(&version["schema"]["openAPIV3Schema"]);
                found.insert((name, kind.to_owned()), jsonschema::validator_for(&schema).unwrap());
            }
        }
    }
    found
}

/// The schema of a whole object: what every object has stands beside what the definition says.
fn top(definition: &Value) -> Value {
    let mut schema = closed(definition);
    let properties = schema["properties"].as_object_mut().unwrap();
    properties.insert("apiVersion".to_owned(), json!({ "type": "string" }));
    properties.insert("kind".to_owned(), json!({ "type": "string" }));
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "object", "additionalProperties": text });
    properties.insert(
        "metadata".to_owned(),
        json!({
            "type": "object",
            "properties": { "name": text, "namespace": text, "labels": texts, "annotations": texts },
            "required": ["name"],
            "additionalProperties": false,
        }),
    );
    schema
}

/// A structural schema as JSON Schema: an object has the properties that are listed and no others, unless it says otherwise.
fn closed(schema: &Value) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let says = |name: &str| fields.get(name) == Some(&json!(true));
    let mut out = Map::new();
    for (name, value) in fields {
        let value = match (name.as_str(), value) {
            ("properties", Value::Object(all)) => {
                all.iter().map(|(name, value)| (name.clone(), closed(value))).collect()
            }
            ("items" | "additionalProperties" | "not", value) => closed(value),
            ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => {
                // Within these only conditions are said, of properties defined outside of them.
                all.iter().cloned().collect()
            }
            // Formats of Kubernetes' own, and Go's regular expressions, which are RE2 and no superset of JSON Schema's.
            ("format" | "description" | "default", _) => continue,
            (name, _) if name.starts_with("x-kubernetes-") => continue,
            (_, value) => value.clone(),
        };
        out.insert(name.clone(), value);
    }
    if out.contains_key("properties")
        && !out.contains_key("additionalProperties")
        && !says("x-kubernetes-preserve-unknown-fields")
    {
        out.insert("additionalProperties".to_owned(), json!(false));
    }
    if says("x-kubernetes-int-or-string") {
        out.insert("type".to_owned(), json!(["integer", "string"]));
    }
    if says("nullable") {
        let kind = out.get("type").cloned().unwrap_or(Value::Null);
        out.insert("type".to_owned(), json!([kind, "null"]));
    }
    Value::Object(out)
}
