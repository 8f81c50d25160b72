//! Pods that can't be protected by a sidecar, or whose containers could reach what is hopgate's alone.

use serde_json::Value;

use super::envoy::Envoy;
use super::pod::Pod;
use super::wishes::Wishes;
use super::{Refusal, names};

/// Folders of a node through which a container gets at the files, the process or the runtime of another.
const NODE_FOLDERS: [&str; 15] = [
    "/proc",
    "/var/lib/kubelet",
    "/var/lib/k0s",
    "/var/lib/rancher",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/run/containerd",
    "/run/crio",
    "/run/docker",
    "/run/docker.sock",
    "/run/cri-dockerd.sock",
    "/run/k0s",
    "/run/k3s",
    "/run/podman",
];

pub(super) fn check(pod: &Pod<'_>) -> Result<(), Refusal> {
    if pod.annotation("kubernetes.io/config.mirror")?.is_some() {
        return Err(Refusal::new("a static pod can't be injected: its node has started it already"));
    }
    if pod.is_set("hostNetwork") {
        return Err(Refusal::new("hostNetwork is true: hopgate's ports and its peers' addresses would be the node's"));
    }
    for field in ["hostPID", "shareProcessNamespace"] {
        if pod.is_set(field) {
            return Err(Refusal::new(format!(
                "{field} is true: other containers could reach hopgate's socket and secrets through /proc"
            )));
        }
    }
    let os = |value: Option<&Value>| value.and_then(Value::as_str) == Some("windows");
    let selected = pod.spec.get("nodeSelector").and_then(|labels| labels.get("kubernetes.io/os"));
    if os(pod.spec.get("os").and_then(|os| os.get("name"))) || os(selected) {
        return Err(Refusal::new("the pod is for Windows, hopgate is for Linux"));
    }
    for (name, volume) in &pod.volumes {
        let path = volume.get("hostPath").and_then(|source| source.get("path")).and_then(Value::as_str);
        let leads_up = |path: &str| path.split('/').any(|part| part == "..");
        if let Some(path) = path
            && (leads_up(path) || NODE_FOLDERS.iter().any(|folder| overlap(&of_node(path), folder)))
        {
            return Err(Refusal::new(format!(
                "volume `{name}` mounts `{path}` of the node: through it a container could reach hopgate's socket"
            )));
        }
    }
    Ok(())
}

/// A port that another container says it listens on would make one of the two fail, or worse: answer for the other.
pub(super) fn check_ports(pod: &Pod<'_>, wishes: &Wishes<'_>) -> Result<(), Refusal> {
    let mut ours = vec![names::ADMIN_PORT];
    if matches!(wishes.envoy, Envoy::Ours) {
        ours.extend([names::INBOUND_PORT, names::EGRESS_PORT, names::ENVOY_READY_PORT]);
    }
    for container in pod.containers.iter().filter(|container| !is_ours(container.name)) {
        for port in container.ports()? {
            let is_tcp = port.get("protocol").is_none_or(|protocol| protocol.as_str().is_none_or(|name| name == "TCP"));
            let number = port.get("containerPort").and_then(Value::as_i64);
            if let Some(taken) = ours.iter().find(|ours| is_tcp && number == Some(i64::from(**ours))) {
                return Err(Refusal::new(format!(
                    "container `{}` has port {taken}, which is hopgate's: let it listen on another one",
                    container.name
                )));
            }
        }
    }
    Ok(())
}

/// Whoever reaches the socket could use up single-use tokens, or try out the rules.
pub(super) fn check_mounts(pod: &Pod<'_>, wishes: &Wishes<'_>) -> Result<(), Refusal> {
    for container in pod.containers.iter().filter(|container| !is_ours(container.name)) {
        let is_their_envoy = matches!(wishes.envoy, Envoy::Theirs(envoy) if envoy.name == container.name);
        for mount in container.mounts()? {
            let volume = mount.get("name").and_then(Value::as_str).unwrap_or_default();
            if names::VOLUMES.contains(&volume) && !(is_their_envoy && volume == names::SOCKET_VOLUME) {
                return Err(Refusal::new(format!(
                    "container `{}` mounts `{volume}`, which is for hopgate and the Envoy that asks it",
                    container.name
                )));
            }
        }
    }
    Ok(())
}

/// Whether it has the name of a container of ours; if it is one is asked elsewhere.
pub(super) fn is_ours(name: &str) -> bool {
    name == names::HOPGATE || name == names::HOPGATE_ENVOY
}

/// `path` without what doubles or ends with a slash, and by the usual name of the folder that has two.
fn of_node(path: &str) -> String {
    let clean = clean(path);
    match clean.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/run{rest}"),
        Some(_) | None => clean,
    }
}

fn clean(path: &str) -> String {
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Whether one of the two folders is, or is in, the other.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (one, other) = (clean(one), clean(other));
    let is_in = |inner: &str, outer: &str| {
        outer == "/" || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_in(&one, &other) || is_in(&other, &one)
}

#[cfg(test)]
mod tests {
    use super::{of_node, overlap};

    #[test]
    fn folders_overlap_when_one_holds_the_other() {
        for (one, other) in
            [("/", "/etc"), ("/etc/", "/etc/hopgate"), ("/etc//hopgate/x", "/etc/hopgate"), ("/a", "/a")]
        {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [("/etc/hopgate", "/etc/hopgate-envoy"), ("/a", "/b"), ("/etc/hop", "/etc/hopgate")] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }

    #[test]
    fn a_folder_with_two_names_is_known_by_either() {
        assert_eq!(of_node("/var/run//docker.sock"), "/run/docker.sock");
        assert_eq!(of_node("/var/run"), "/run");
        assert_eq!(of_node("/var/runner"), "/var/runner");
    }
}
