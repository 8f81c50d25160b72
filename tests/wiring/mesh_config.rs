//! Istio's mesh configuration has no `CustomResourceDefinition`; its protobuf says what it takes.

use std::path::Path;

use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::manifests::documents;

#[test]
fn the_mesh_configuration_is_what_istio_takes() {
    let values = documents(Path::new("k8s/istio/istiod-values.yaml")).remove(0);
    assert_eq!(values.as_object().unwrap().keys().collect::<Vec<_>>(), ["meshConfig"]);
    let mesh = read(&values["meshConfig"]).unwrap();
    let providers = mesh.get_field_by_name("extension_providers").unwrap();
    assert_eq!(providers.as_list().unwrap().len(), 1);
}

#[test]
fn a_field_that_istio_does_not_know_is_a_fault() {
    for spoiled in [
        json!({ "pathNormalisation": {} }),
        json!({ "pathNormalization": { "normalization": "MERGE" } }),
        json!({ "extensionProviders": [{ "name": "hopgate", "envoyExtAuthzGrpc": { "fail_closed": true } }] }),
    ] {
        assert!(read(&spoiled).is_err(), "{spoiled} was taken");
    }
}

fn read(mesh: &Value) -> Result<DynamicMessage, String> {
    let protos = testbed::crds().unwrap().join("proto");
    let files = protox::compile(["mesh/v1alpha1/config.proto"], [&protos]).unwrap();
    let message = DescriptorPool::from_file_descriptor_set(files)
        .unwrap()
        .get_message_by_name("istio.mesh.v1alpha1.MeshConfig")
        .unwrap();
    DynamicMessage::deserialize(message, mesh).map_err(|error| error.to_string())
}
