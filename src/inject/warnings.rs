//! What is allowed and likely a mistake. Kubernetes shows it to who creates the pod.

use serde_json::Value;

use super::envoy::Envoy;
use super::fit::is_ours;
use super::names;
use super::pod::{Listed, Pod};
use super::wishes::{Certificate, Wishes};

/// Capabilities with which a container gets at the files or the memory of another.
const STRONG: [&str; 6] = ["ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "DAC_READ_SEARCH", "BPF"];

pub(super) fn of(pod: &Pod<'_>, wishes: &Wishes<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    match wishes.envoy {
        Envoy::Ours => {
            warnings.extend(open_ports(pod));
            if wishes.certificate == Certificate::None {
                warnings.push(format!(
                    "hopgate: no certificate for `{}`, neither by annotation `{}` nor by the injector's settings",
                    names::HOPGATE_ENVOY,
                    names::CERTIFICATE
                ));
            }
        }
        Envoy::Theirs(envoy) => {
            let pod_user = pod.spec.get("securityContext").and_then(|context| context.get("runAsUser"));
            let user = envoy.security("runAsUser").or(pod_user).and_then(Value::as_i64);
            if user != Some(names::USER) {
                warnings.push(format!(
                    "hopgate: `{}` runs as another user than hopgate: hopgate.yaml needs `socket_mode: \"0666\"`",
                    envoy.name
                ));
            }
        }
        Envoy::Awaited => {}
        Envoy::None => warnings.push("hopgate: no Envoy of this pod asks it, so it protects nothing here".to_owned()),
    }
    for container in pod.containers.iter().filter(|container| !is_ours(container.name)) {
        if can_leave_its_bounds(container) {
            warnings.push(format!(
                "hopgate: container `{}` can leave its bounds (privileged, or a capability), and reach hopgate's socket",
                container.name
            ));
        }
    }
    warnings
}

fn can_leave_its_bounds(container: &Listed<'_>) -> bool {
    let is_privileged = container.security("privileged").and_then(Value::as_bool) == Some(true);
    let added = container.security("capabilities").and_then(|capabilities| capabilities.get("add"));
    let mut added = added.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    is_privileged || added.any(|name| STRONG.contains(&name.strip_prefix("CAP_").unwrap_or(name)))
}

/// Nothing redirects what is sent to a port of the service itself.
fn open_ports(pod: &Pod<'_>) -> Option<String> {
    let mut ports = Vec::new();
    for container in pod.containers.iter().filter(|container| !is_ours(container.name)) {
        for port in container.ports().unwrap_or_default() {
            ports.extend(port.get("containerPort").and_then(Value::as_i64).map(|number| number.to_string()));
        }
    }
    ports.truncate(12);
    (!ports.is_empty()).then(|| {
        format!(
            "hopgate: port {} can be reached beside Envoy, unless it listens on 127.0.0.1 or a NetworkPolicy admits {} only",
            ports.join(", "),
            names::INBOUND_PORT
        )
    })
}
