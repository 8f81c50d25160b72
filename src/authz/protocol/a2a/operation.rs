//! The operations of A2A, under each of their names.

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V03,
    V10,
}

impl Version {
    pub const ALL: [Self; 2] = [Self::V03, Self::V10];

    /// Section 3.6.2: an empty one means 0.3.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "0.3" => Some(Self::V03),
            "1.0" => Some(Self::V10),
            _ => None,
        }
    }
}

/// The gRPC services of versions 1.0 and 0.3.
pub const GRPC_SERVICES: [&str; 2] = ["lf.a2a.v1.A2AService", "a2a.v1.A2AService"];

/// Each operation: its name, its JSON-RPC method in 0.3, its gRPC method in 0.3.
const NAMES: [(&str, &str, &str); 11] = [
    ("SendMessage", "message/send", "SendMessage"),
    ("SendStreamingMessage", "message/stream", "SendStreamingMessage"),
    ("GetTask", "tasks/get", "GetTask"),
    ("ListTasks", "tasks/list", "ListTask"),
    ("CancelTask", "tasks/cancel", "CancelTask"),
    ("SubscribeToTask", "tasks/resubscribe", "TaskSubscription"),
    ("CreateTaskPushNotificationConfig", "tasks/pushNotificationConfig/set", "CreateTaskPushNotificationConfig"),
    ("GetTaskPushNotificationConfig", "tasks/pushNotificationConfig/get", "GetTaskPushNotificationConfig"),
    ("ListTaskPushNotificationConfigs", "tasks/pushNotificationConfig/list", "ListTaskPushNotificationConfig"),
    ("DeleteTaskPushNotificationConfig", "tasks/pushNotificationConfig/delete", "DeleteTaskPushNotificationConfig"),
    ("GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard", "GetAgentCard"),
];

/// The operations, as rules name them.
pub fn operations() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().map(|(name, _, _)| name)
}

/// The operation that a JSON-RPC method is, and the version whose name that is.
pub(super) fn of_json_rpc(method: &str) -> Option<(&'static str, Version)> {
    NAMES.iter().find_map(|(name, older, _)| match method {
        _ if method == *name => Some((*name, Version::V10)),
        _ if method == *older => Some((*name, Version::V03)),
        _ => None,
    })
}

/// The gRPC method in `path`, if that is one of A2A's services, and whose version.
pub(super) fn grpc_method(path: &str) -> Option<(&str, Version)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let [newer, older] = GRPC_SERVICES;
    match service {
        _ if service == newer => Some((method, Version::V10)),
        _ if service == older => Some((method, Version::V03)),
        _ => None,
    }
}

/// The operation that a gRPC method is.
pub(super) fn of_grpc(method: &str, version: Version) -> Option<&'static str> {
    NAMES.iter().find_map(|(name, _, older)| {
        let its = match version {
            Version::V10 => *name,
            Version::V03 => *older,
        };
        (its == method).then_some(*name)
    })
}
