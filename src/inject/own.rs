//! Whether what has the name of a part of ours is that part.
//!
//! Between two calls other webhooks and the API server itself change what we added: defaults are filled in, images are
//! taken from a mirror, resources and environment are set. What such changes may not touch is compared: what runs, as
//! whom, and with which files.

use k8s_openapi::api::core::v1::{Container, VolumeMount};
use serde_json::{Map, Value};

use super::fit::overlap;
use super::pod::{List, Listed};
use super::{Refusal, names};

/// The programs of the two images, which nothing may be mounted over either.
const PROGRAMS: [&str; 2] = ["/hopgate", "/usr/local/bin/envoy"];

/// What of a container decides what it does.
const DECISIVE: [&str; 5] = ["restartPolicy", "command", "args", "workingDir", "lifecycle"];

/// Holds the container that is there against the one that would be added.
pub(super) fn check_container(found: &Listed<'_>, wanted: &Container) -> Result<(), Refusal> {
    let foreign = |what: &str| {
        Err(Refusal::new(format!(
            "container `{}` is not the one that hopgate adds, its {what}: remove it from the pod's template, or give it \
             another name",
            found.name
        )))
    };
    if found.list != List::Init {
        return foreign("place is not among the init containers");
    }
    let image = found.fields.get("image").and_then(Value::as_str).unwrap_or_default();
    if repository(image) != repository(wanted.image.as_deref().unwrap_or_default()) {
        return foreign(&format!("image is `{image}`"));
    }
    let wanted_fields = json(wanted)?;
    for field in DECISIVE {
        if !same(found.fields.get(field), wanted_fields.get(field)) {
            return foreign(&format!("{field} differs"));
        }
    }
    let context = found.fields.get("securityContext").unwrap_or(&Value::Null);
    if !holds(context, wanted_fields.get("securityContext").unwrap_or(&Value::Null)) {
        return foreign("securityContext differs");
    }
    let mounts = wanted.volume_mounts.as_deref().unwrap_or_default();
    if !has_mounts(found, mounts)? {
        return foreign("volumeMounts differ");
    }
    Ok(())
}

/// Whether every mount of `wanted` is there, and no other hides one of them.
fn has_mounts(found: &Listed<'_>, wanted: &[VolumeMount]) -> Result<bool, Refusal> {
    let there = found.mounts()?;
    for mount in wanted {
        let mount = json(mount)?;
        if !there.iter().any(|found| same_mount(found, &mount)) {
            return Ok(false);
        }
    }
    for found in there {
        let path = found.get("mountPath").and_then(Value::as_str).unwrap_or_default();
        let mut kept = wanted.iter().map(|mount| mount.mount_path.as_str()).chain(PROGRAMS);
        if !wanted.iter().any(|mount| mount.mount_path == path) && kept.any(|kept| overlap(kept, path)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the pod's own Envoy has the socket already.
pub(super) fn has_socket(envoy: &Listed<'_>, wanted: &VolumeMount) -> Result<bool, Refusal> {
    let wanted_mount = json(wanted)?;
    let foreign = || {
        Err(Refusal::new(format!(
            "container `{}` has another mount at `{}` or of `{}`: remove it",
            envoy.name,
            names::SOCKET_FOLDER,
            names::SOCKET_VOLUME
        )))
    };
    let mut has = false;
    for mount in envoy.mounts()? {
        let text = |field: &str| mount.get(field).and_then(Value::as_str).unwrap_or_default();
        if same_mount(mount, &wanted_mount) {
            has = true;
        } else if text("name") == names::SOCKET_VOLUME || is_in(text("mountPath"), names::SOCKET_FOLDER) {
            return foreign();
        }
    }
    Ok(has)
}

/// Whether `path` is `folder` or in it. A mount above it hides nothing: ours is made after that.
fn is_in(path: &str, folder: &str) -> bool {
    overlap(path, folder) && path.trim_end_matches('/').len() >= folder.len()
}

/// Holds the volume that is there against the one that would be added.
pub(super) fn check_volume(name: &str, found: &Map<String, Value>, wanted: &Value) -> Result<(), Refusal> {
    // Its name and one source.
    let is_one = found.values().filter(|value| !value.is_null()).count() == 2;
    if is_one
        && wanted.as_object().is_some_and(|wanted| wanted.iter().all(|(key, value)| is_held(found.get(key), value)))
    {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "volume `{name}` is not the one that hopgate adds: remove it from the pod's template, or give it another name"
    )))
}

fn same_mount(found: &Value, wanted: &Value) -> bool {
    ["name", "mountPath", "readOnly", "subPath", "subPathExpr", "mountPropagation"]
        .iter()
        .all(|field| same(found.get(field), wanted.get(field)))
}

/// Equal, where what is not there is the same as what is empty.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    fn said(value: Option<&Value>) -> Option<&Value> {
        value.filter(|value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::String(text) => !text.is_empty() && text != "None",
            Value::Bool(true) | Value::Number(_) => true,
        })
    }
    said(one) == said(other)
}

/// Whether `found` has every member of `wanted`, at any depth.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| is_held(found.get(key), value))
        }
        (found, wanted) => found == wanted,
    }
}

fn is_held(found: Option<&Value>, wanted: &Value) -> bool {
    found.is_some_and(|found| holds(found, wanted))
}

/// The last part of an image's name, without tag or digest: what stays of it when a mirror is put in front or a tag is
/// pinned.
fn repository(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or_default();
    let last = name.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default()
}

pub(super) fn json<T: serde::Serialize>(part: &T) -> Result<Value, Refusal> {
    serde_json::to_value(part).map_err(|error| Refusal::new(format!("what is to be added can't be written: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_known_behind_a_mirror_and_by_digest() {
        for image in [
            "hopgate",
            "hopgate:0.1.0",
            "mirror.example:5000/team/hopgate:1",
            "a/hopgate@sha256:00",
            "a/hopgate:1@sha256:00",
        ] {
            assert_eq!(repository(image), "hopgate", "{image}");
        }
        for image in ["", "nginx", "hopgate/nginx", "hopgate-evil", "evil:hopgate", "x@hopgate"] {
            assert_ne!(repository(image), "hopgate", "{image}");
        }
    }

    #[test]
    fn what_is_not_there_is_the_same_as_what_is_empty() {
        for empty in [json!(null), json!([]), json!({}), json!(""), json!(false), json!("None")] {
            assert!(same(Some(&empty), None) && same(None, Some(&empty)), "{empty}");
        }
        for said in [json!(true), json!(["x"]), json!("x"), json!(0)] {
            assert!(!same(Some(&said), None), "{said}");
        }
    }

    #[test]
    fn members_that_were_added_are_no_difference_and_changed_ones_are() {
        assert!(holds(&json!({"a": {"b": 1, "c": 2}, "d": 3}), &json!({"a": {"b": 1}})));
        assert!(!holds(&json!({"a": {"b": 2}}), &json!({"a": {"b": 1}})));
        assert!(!holds(&json!({"a": [1, 2]}), &json!({"a": [1]})));
        assert!(!holds(&json!(null), &json!({"a": 1})));
    }
}
