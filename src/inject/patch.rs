//! The JSON Patch (RFC 6902) that makes a pod whole. It only adds, so that whatever else the pod says stays.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation};
use k8s_openapi::api::core::v1::Container;
use serde_json::{Map, Value};

use super::envoy::Envoy;
use super::own::{check_container, check_volume, has_socket, json};
use super::pod::{List, Pod};
use super::settings::Settings;
use super::wishes::Wishes;
use super::{Injection, Refusal, containers, names, volumes};

pub(super) fn missing(pod: &Pod<'_>, wishes: &Wishes<'_>, settings: &Settings) -> Result<Injection, Refusal> {
    let mut injection = Injection::default();
    // Before the lists grow in front, and with that what stands behind moves.
    add_socket_mount(pod, wishes, &mut injection)?;
    add_volumes(pod, wishes, settings, &mut injection)?;
    add_containers(pod, wishes, settings, &mut injection)?;
    add_label(pod, wishes, &mut injection)?;
    add_note(pod, &mut injection)?;
    Ok(injection)
}

fn add_socket_mount(pod: &Pod<'_>, wishes: &Wishes<'_>, injection: &mut Injection) -> Result<(), Refusal> {
    let envoy = match wishes.envoy {
        Envoy::Theirs(envoy) => envoy,
        Envoy::Awaited => {
            injection.awaited = Some(names::ISTIO_PROXY.to_owned());
            return Ok(());
        }
        Envoy::Ours | Envoy::None => return Ok(()),
    };
    let mount = containers::socket_mount();
    if has_socket(&envoy, &mount)? {
        return Ok(());
    }
    let at = envoy.at.to_string();
    let list = ["spec", envoy.list.field(), &at, "volumeMounts"];
    let has_list = pod
        .spec
        .get(envoy.list.field())
        .and_then(|list| list.get(envoy.at))
        .is_some_and(|container| container.get("volumeMounts").is_some_and(Value::is_array));
    append(injection, &list, has_list, vec![json(&mount)?]);
    injection.added.push(format!("the socket to container `{}`", envoy.name));
    Ok(())
}

fn add_volumes(
    pod: &Pod<'_>,
    wishes: &Wishes<'_>,
    settings: &Settings,
    injection: &mut Injection,
) -> Result<(), Refusal> {
    let mut missing = Vec::new();
    for volume in volumes::all(wishes, settings) {
        let wanted = json(&volume)?;
        let mut found = pod.volumes.iter().filter(|(name, _)| *name == volume.name).peekable();
        if found.peek().is_none() {
            injection.added.push(format!("volume `{}`", volume.name));
            missing.push(wanted);
            continue;
        }
        for (name, fields) in found {
            check_volume(name, fields, &wanted)?;
        }
    }
    append(injection, &["spec", "volumes"], pod.has_list("volumes"), missing);
    Ok(())
}

fn add_containers(
    pod: &Pod<'_>,
    wishes: &Wishes<'_>,
    settings: &Settings,
    injection: &mut Injection,
) -> Result<(), Refusal> {
    let hopgate = containers::hopgate(wishes, settings);
    let place = place_of(pod, &hopgate)?;
    // First of all, so that it is there before anybody asks and until nobody does; Envoy right behind it.
    let mut missing = Vec::new();
    if place.is_none() {
        missing.push((0, hopgate));
    }
    if matches!(wishes.envoy, Envoy::Ours) {
        let envoy = containers::envoy(wishes, settings);
        if place_of(pod, &envoy)?.is_none() {
            missing.push((place.unwrap_or(0).saturating_add(1), envoy));
        }
    }
    let mut has_list = pod.has_list(List::Init.field());
    for (at, container) in missing {
        let value = json(&container)?;
        injection.added.push(format!("container `{}`", container.name));
        let (path, value) = if has_list {
            (pointer(&["spec", List::Init.field(), &at.to_string()]), value)
        } else {
            (pointer(&["spec", List::Init.field()]), Value::Array(vec![value]))
        };
        has_list = true;
        add(injection, path, value);
    }
    Ok(())
}

/// Where the container `wanted` is among the init containers, if it is there.
fn place_of(pod: &Pod<'_>, wanted: &Container) -> Result<Option<usize>, Refusal> {
    let mut place = None;
    for found in pod.containers.iter().filter(|container| container.name == wanted.name) {
        check_container(found, wanted)?;
        place = Some(found.at);
    }
    Ok(place)
}

/// That the pod has no other way in than our Envoy.
fn add_label(pod: &Pod<'_>, wishes: &Wishes<'_>, injection: &mut Injection) -> Result<(), Refusal> {
    if matches!(wishes.envoy, Envoy::Ours) && pod.label(names::GUARDED)? != Some("true") {
        injection.added.push(format!("label `{}`", names::GUARDED));
        add_to_metadata(pod, "labels", names::GUARDED, "true", injection);
    }
    Ok(())
}

/// Which version did it. It is a note for people; nothing is decided by it.
fn add_note(pod: &Pod<'_>, injection: &mut Injection) -> Result<(), Refusal> {
    if !injection.patch.is_empty() || pod.annotation(names::INJECTED)?.is_none() {
        add_to_metadata(pod, "annotations", names::INJECTED, env!("CARGO_PKG_VERSION"), injection);
    }
    Ok(())
}

/// Sets `key` in `map`, the labels or the annotations. A pod that is chosen has metadata: its label, or the annotation that
/// names its configuration.
fn add_to_metadata(pod: &Pod<'_>, map: &str, key: &str, value: &str, injection: &mut Injection) {
    let value = Value::from(value);
    if pod.has_in_metadata(map) {
        add(injection, pointer(&["metadata", map, key]), value);
    } else {
        add(injection, pointer(&["metadata", map]), Value::Object(Map::from_iter([(key.to_owned(), value)])));
    }
}

/// Adds `values` to the end of the list at `path`, or makes the list.
fn append(injection: &mut Injection, path: &[&str], has_list: bool, values: Vec<Value>) {
    if values.is_empty() {
        return;
    }
    if !has_list {
        return add(injection, pointer(path), Value::Array(values));
    }
    let mut end = path.to_vec();
    end.push("-");
    for value in values {
        add(injection, pointer(&end), value);
    }
}

fn add(injection: &mut Injection, path: PointerBuf, value: Value) {
    injection.patch.0.push(PatchOperation::Add(AddOperation { path, value }));
}

/// With `~` and `/` escaped as RFC 6901 section 3 says.
fn pointer(tokens: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(tokens.iter().copied())
}
