//! The containers that are added: native sidecars (init containers that stay), at Pod Security "restricted".

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, ExecAction, HTTPGetAction, Probe, SeccompProfile, SecurityContext,
    TCPSocketAction, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::envoy::Envoy;
use super::names;
use super::settings::{Image, Settings};
use super::wishes::{Certificate, Wishes};

/// hopgate, which starts before Envoy and ends after it.
pub(super) fn hopgate(wishes: &Wishes<'_>, settings: &Settings) -> Container {
    let secrets = wishes.secrets.map(|_| read_only(names::SECRETS_VOLUME, names::SECRETS_FOLDER));
    let mut mounts = vec![
        // Its own to write: here the socket is bound.
        VolumeMount { read_only: None, ..read_only(names::SOCKET_VOLUME, names::SOCKET_FOLDER) },
        read_only(names::CONFIG_VOLUME, names::CONFIG_FOLDER),
    ];
    mounts.extend(secrets);
    let is_served_by_us = matches!(wishes.envoy, Envoy::Ours);
    let probe = |what: &str, period: i32, failures: i32| Probe {
        period_seconds: Some(period),
        timeout_seconds: Some(2),
        failure_threshold: Some(failures),
        ..if is_served_by_us { http(names::ADMIN_PORT, &format!("/{what}")) } else { exec(what) }
    };
    Container {
        args: texts(&["serve", "--config", "/etc/hopgate/hopgate.yaml"]),
        ports: Some(vec![port("hopgate-admin", names::ADMIN_PORT)]),
        // Envoy starts once this has succeeded, so that its first call finds the socket.
        startup_probe: Some(probe("livez", 1, 60)),
        readiness_probe: Some(probe("readyz", 5, 2)),
        liveness_probe: Some(probe("livez", 10, 3)),
        ..sidecar(names::HOPGATE, &settings.hopgate, mounts)
    }
}

/// An Envoy with the configuration of the same `ConfigMap`.
pub(super) fn envoy(wishes: &Wishes<'_>, settings: &Settings) -> Container {
    let mut mounts = vec![
        // A socket on a read-only mount can be connected to; it can't be replaced.
        read_only(names::SOCKET_VOLUME, names::SOCKET_FOLDER),
        read_only(names::ENVOY_CONFIG_VOLUME, names::ENVOY_CONFIG_FOLDER),
        VolumeMount { read_only: None, ..read_only(names::ENVOY_ADMIN_VOLUME, names::ENVOY_ADMIN_FOLDER) },
    ];
    if wishes.certificate != Certificate::None {
        mounts.push(read_only(names::CERTIFICATE_VOLUME, names::CERTIFICATE_FOLDER));
    }
    let ready = |period: i32, failures: i32| Probe {
        period_seconds: Some(period),
        timeout_seconds: Some(2),
        failure_threshold: Some(failures),
        ..http(names::ENVOY_READY_PORT, names::ENVOY_READY_PATH)
    };
    // Without `--concurrency` it starts a thread for each core of the node.
    let concurrency = settings.envoy_concurrency.to_string();
    let args =
        ["--config-path", "/etc/hopgate-envoy/envoy.yaml", "--concurrency", &concurrency, "--disable-hot-restart"];
    Container {
        args: texts(&args),
        ports: Some(vec![port("hopgate-inbound", names::INBOUND_PORT), port("hopgate-ready", names::ENVOY_READY_PORT)]),
        startup_probe: Some(ready(1, 60)),
        readiness_probe: Some(ready(5, 2)),
        // That it listens, whatever it says of readiness: while it drains it must not be restarted.
        liveness_probe: Some(Probe {
            tcp_socket: Some(TCPSocketAction { host: None, port: IntOrString::Int(names::ENVOY_READY_PORT) }),
            period_seconds: Some(10),
            timeout_seconds: Some(2),
            failure_threshold: Some(3),
            ..Probe::default()
        }),
        ..sidecar(names::HOPGATE_ENVOY, &settings.envoy, mounts)
    }
}

/// The mount that an Envoy of the pod's own gets.
pub(super) fn socket_mount() -> VolumeMount {
    read_only(names::SOCKET_VOLUME, names::SOCKET_FOLDER)
}

/// What both have in common.
fn sidecar(name: &str, image: &Image, mut mounts: Vec<VolumeMount>) -> Container {
    // Neither asks the API server. Kubernetes mounts the token into every container that has nothing at this path.
    mounts.push(read_only(names::NO_TOKEN_VOLUME, names::TOKEN_FOLDER));
    Container {
        name: name.to_owned(),
        image: Some(image.name.clone()),
        image_pull_policy: image.pull_policy.clone(),
        restart_policy: Some("Always".to_owned()),
        resources: Some(image.resources.clone()),
        security_context: Some(restricted()),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

/// <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>
fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
        privileged: Some(false),
        read_only_root_filesystem: Some(true),
        run_as_group: Some(names::USER),
        run_as_non_root: Some(true),
        run_as_user: Some(names::USER),
        seccomp_profile: Some(SeccompProfile { localhost_profile: None, type_: "RuntimeDefault".to_owned() }),
        ..SecurityContext::default()
    }
}

fn read_only(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

fn http(port: i32, path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(port),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// A probe that a mesh leaves alone. Istio makes its sidecar answer for every other kind of every container, so that
/// hopgate, which starts before that sidecar, would never be seen to have started; and its strict mTLS would keep the
/// kubelet out.
fn exec(what: &str) -> Probe {
    Probe { exec: Some(ExecAction { command: texts(&["/hopgate", "probe", what]) }), ..Probe::default() }
}

fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a field of Kubernetes that may be left out")]
fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}
