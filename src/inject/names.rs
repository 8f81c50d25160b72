//! Names that operators write and see. They are API.

/// The label of a pod, or of a namespace.
pub(super) const INJECT: &str = "hopgate.dev/inject";

/// The label of a pod whose Envoy is ours, for the `NetworkPolicy` that leaves it no other way in.
pub(super) const GUARDED: &str = "hopgate.dev/guarded";

/// The annotations of a pod.
pub(super) const CONFIG: &str = "hopgate.dev/config";
pub(super) const SECRETS: &str = "hopgate.dev/secrets";
pub(super) const CERTIFICATE: &str = "hopgate.dev/certificate";
pub(super) const ENVOY: &str = "hopgate.dev/envoy";
pub(super) const INJECTED: &str = "hopgate.dev/injected";

/// All of them.
pub const ANNOTATIONS: [&str; 5] = [CONFIG, SECRETS, CERTIFICATE, ENVOY, INJECTED];

/// The containers that are added.
pub(super) const HOPGATE: &str = "hopgate";
pub(super) const HOPGATE_ENVOY: &str = "hopgate-envoy";

/// The volumes that are added. Nobody else may mount them.
pub(super) const SOCKET_VOLUME: &str = "hopgate-socket";
pub(super) const CONFIG_VOLUME: &str = "hopgate-config";
pub(super) const SECRETS_VOLUME: &str = "hopgate-secrets";
pub(super) const NO_TOKEN_VOLUME: &str = "hopgate-no-token";
pub(super) const ENVOY_CONFIG_VOLUME: &str = "hopgate-envoy-config";
pub(super) const ENVOY_ADMIN_VOLUME: &str = "hopgate-envoy-admin";
pub(super) const CERTIFICATE_VOLUME: &str = "hopgate-certificate";
pub(super) const VOLUMES: [&str; 7] = [
    SOCKET_VOLUME,
    CONFIG_VOLUME,
    SECRETS_VOLUME,
    NO_TOKEN_VOLUME,
    ENVOY_CONFIG_VOLUME,
    ENVOY_ADMIN_VOLUME,
    CERTIFICATE_VOLUME,
];

/// Where they are mounted.
pub(super) const SOCKET_FOLDER: &str = "/run/hopgate";
pub(super) const CONFIG_FOLDER: &str = "/etc/hopgate";
pub(super) const SECRETS_FOLDER: &str = "/etc/hopgate-secrets";
pub(super) const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
pub(super) const ENVOY_CONFIG_FOLDER: &str = "/etc/hopgate-envoy";
pub(super) const ENVOY_ADMIN_FOLDER: &str = "/run/hopgate-envoy";
pub(super) const CERTIFICATE_FOLDER: &str = "/etc/mesh";

/// The user of our containers, and of the image.
pub(super) const USER: i64 = 65532;

/// hopgate's `/livez`, `/readyz` and `/metrics`.
pub(super) const ADMIN_PORT: i32 = 9902;
/// Envoy's own: inbound, egress (loopback), readiness. Its admin interface is a Unix socket, since a port of the pod could be
/// reached by every container.
pub(super) const INBOUND_PORT: i32 = 15443;
pub(super) const EGRESS_PORT: i32 = 15001;
pub(super) const ENVOY_READY_PORT: i32 = 15021;
pub(super) const ENVOY_READY_PATH: &str = "/healthz/ready";

/// Istio's sidecar, and how a pod asks for it.
pub(super) const ISTIO_PROXY: &str = "istio-proxy";
pub(super) const ISTIO_INJECT: &str = "sidecar.istio.io/inject";
