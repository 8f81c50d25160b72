//! The REST binding of A2A: what a path asks for.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::super::super::json::{Object, same_folded};
use super::super::super::reason::Reason;
use super::super::json_rpc::spells;
use super::operation::Version;

/// The HTTP methods of the binding.
pub const REST_METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

/// Most members of a query that are looked at.
const MAX_QUERY: usize = 32;

/// What a path asks for.
pub(super) struct Rest<'a> {
    pub(super) operation: &'static str,
    /// As the path spells it.
    pub(super) tenant: Option<&'a str>,
    pub(super) version: Version,
    /// The parts of the path behind `/tasks` and `/pushNotificationConfigs`.
    ids: Vec<&'a str>,
}

impl<'a> Rest<'a> {
    /// As it stands, or behind a tenant (version 1.0); or behind `/v1` (version 0.3), unless that was
    /// said not to be spoken: to version 1.0 it is a tenant.
    pub(super) fn read(method: &str, path: &'a str, said: Option<Version>) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let found = |operation, tenant, version, ids| Some(Self { operation, tenant, version, ids });
        if let Some(operation) = rest(method, &segments) {
            return found(operation, None, Version::V10, ids(&segments));
        }
        let (first, others) = segments.split_first()?;
        if *first == "v1" && said != Some(Version::V10) {
            let older = rest(method, others);
            let card = method == "GET" && others == ["card"];
            return found(older.or(card.then_some("GetExtendedAgentCard"))?, None, Version::V03, ids(others));
        }
        found(rest(method, others)?, Some(first), Version::V10, ids(others))
    }

    /// The arguments: those of the body, those of the query where there is no body, and what the path
    /// says, under the names of version 1.0. For a server the path counts, so what says something
    /// else is refused.
    pub(super) fn named(&self, mut arguments: Object, query: &[(String, String)]) -> Result<Object, Reason> {
        let names: &[&str] = match (self.operation, self.ids.len()) {
            (_, 0) => &[],
            ("GetTask" | "CancelTask" | "SubscribeToTask", _) => &["id"],
            (_, _) => &["taskId", "id"],
        };
        if query.len() > MAX_QUERY {
            return Err(Reason::ParamsMalformed);
        }
        for (name, value) in query {
            if arguments.keys().any(|known| same_folded(known, name)) {
                return Err(Reason::ParamsMalformed);
            }
            arguments.insert(name.clone(), of_text(value));
        }
        if !spells(&arguments, names) {
            return Err(Reason::ParamsMalformed);
        }
        for (name, id) in names.iter().zip(&self.ids) {
            let id = Value::String(decoded(id)?);
            if arguments.get(*name).is_some_and(|elsewhere| *elsewhere != id) {
                return Err(Reason::ParamsMalformed);
            }
            arguments.insert((*name).to_owned(), id);
        }
        Ok(arguments)
    }
}

/// A value of a query, as the type that it reads as.
fn of_text(text: &str) -> Value {
    match (text, text.parse::<i64>()) {
        ("true", _) => Value::Bool(true),
        ("false", _) => Value::Bool(false),
        (_, Ok(number)) if number.to_string() == text => Value::Number(number.into()),
        (_, _) => Value::String(text.to_owned()),
    }
}

/// A segment of a canonical path, as a server decodes it.
pub(super) fn decoded(segment: &str) -> Result<String, Reason> {
    let text = percent_decode_str(segment).decode_utf8().map_err(|_| Reason::ParamsMalformed)?;
    Ok(text.into_owned())
}

/// The ids in a path that begins with `tasks`.
fn ids<'a>(segments: &[&'a str]) -> Vec<&'a str> {
    match segments {
        ["tasks", task, "pushNotificationConfigs", config @ ..] => {
            std::iter::once(*task).chain(config.iter().copied()).collect()
        }
        ["tasks", task] => vec![task.split(':').next().unwrap_or_default()],
        _ => Vec::new(),
    }
}

fn rest(method: &str, segments: &[&str]) -> Option<&'static str> {
    match (method, segments) {
        ("POST", ["message:send"]) => Some("SendMessage"),
        ("POST", ["message:stream"]) => Some("SendStreamingMessage"),
        ("GET", ["tasks"]) => Some("ListTasks"),
        ("GET", ["extendedAgentCard"]) => Some("GetExtendedAgentCard"),
        ("GET", ["tasks", task]) if is_id(task) => Some("GetTask"),
        (_, ["tasks", task]) => match (method, task.rsplit_once(':')?) {
            ("POST", (id, "cancel")) if is_id(id) => Some("CancelTask"),
            // The text says POST, a2a.proto says GET.
            ("POST" | "GET", (id, "subscribe")) if is_id(id) => Some("SubscribeToTask"),
            (_, _) => None,
        },
        (_, ["tasks", task, "pushNotificationConfigs", config @ ..]) if is_id(task) => match (method, config) {
            ("POST", []) => Some("CreateTaskPushNotificationConfig"),
            ("GET", []) => Some("ListTaskPushNotificationConfigs"),
            ("GET", [id]) if is_id(id) => Some("GetTaskPushNotificationConfig"),
            ("DELETE", [id]) if is_id(id) => Some("DeleteTaskPushNotificationConfig"),
            (_, _) => None,
        },
        (_, _) => None,
    }
}

fn is_id(segment: &str) -> bool {
    !segment.is_empty() && !segment.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_version_1_0_v1_is_a_tenant() {
        let read = |said| Rest::read("GET", "/v1/tasks/7", said).map(|rest| (rest.tenant, rest.version));
        assert_eq!(read(None), Some((None, Version::V03)));
        assert_eq!(read(Some(Version::V10)), Some((Some("v1"), Version::V10)));
    }

    #[test]
    fn every_path_of_the_rest_binding_is_one_operation() {
        let cases = [
            ("POST", "/message:send", "SendMessage", None),
            ("POST", "/v1/message:send", "SendMessage", None),
            ("POST", "/acme/message:send", "SendMessage", Some("acme")),
            ("POST", "/message:stream", "SendStreamingMessage", None),
            ("GET", "/tasks", "ListTasks", None),
            ("GET", "/tasks/7", "GetTask", None),
            ("GET", "/v1/tasks/7", "GetTask", None),
            ("GET", "/acme/tasks/7", "GetTask", Some("acme")),
            ("POST", "/tasks/7:cancel", "CancelTask", None),
            ("POST", "/tasks/7:subscribe", "SubscribeToTask", None),
            ("GET", "/acme/tasks/7:subscribe", "SubscribeToTask", Some("acme")),
            ("POST", "/tasks/7/pushNotificationConfigs", "CreateTaskPushNotificationConfig", None),
            ("GET", "/tasks/7/pushNotificationConfigs", "ListTaskPushNotificationConfigs", None),
            ("GET", "/tasks/7/pushNotificationConfigs/c", "GetTaskPushNotificationConfig", None),
            ("DELETE", "/tasks/7/pushNotificationConfigs/c", "DeleteTaskPushNotificationConfig", None),
            ("GET", "/extendedAgentCard", "GetExtendedAgentCard", None),
            ("GET", "/v1/card", "GetExtendedAgentCard", None),
        ];
        for (method, path, operation, tenant) in cases {
            let read = Rest::read(method, path, None).map(|rest| (rest.operation, rest.tenant));
            assert_eq!(read, Some((operation, tenant)), "{method} {path}");
        }
        for (method, path) in [
            ("GET", "/message:send"),
            ("POST", "/message:Send"),
            ("POST", "/message:send/"),
            ("POST", "/message:send/x"),
            ("POST", "/tasks/7"),
            ("POST", "/tasks/:cancel"),
            ("POST", "/tasks/7:x:cancel"),
            ("GET", "/tasks/7:cancel"),
            ("GET", "/tasks/"),
            ("GET", "/card"),
            ("GET", "/acme/v1/tasks"),
            ("GET", "/"),
            ("GET", ""),
            ("PATCH", "/tasks/7"),
        ] {
            assert!(Rest::read(method, path, None).is_none(), "{method} {path}");
        }
    }
}
