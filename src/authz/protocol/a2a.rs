//! A2A, versions 1.0 and 0.3, in its three bindings: JSON-RPC, HTTP with JSON (REST), gRPC.
//!
//! An operation has one name here, that of version 1.0, however it is called; so a rule can't be
//! walked around by another version or binding.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::super::json::Object;
use super::super::pattern::{Found, Patterns};
use super::super::reason::Reason;
use super::super::request::{Field, Request};
use super::super::rule::Rule;
use super::json_rpc::{Message, spells};
use super::{Operation, body};

/// What an A2A agent lets be called, and where.
#[derive(Clone, Debug)]
pub struct A2a {
    /// The path of the JSON-RPC binding.
    pub json_rpc: Option<Box<str>>,
    /// What stands before the paths of the REST binding; empty for none.
    pub rest: Option<Box<str>>,
    /// The gRPC binding is open.
    pub grpc: bool,
    pub tenants: Tenants,
    /// By operation.
    pub methods: Patterns<Arc<Rule>>,
}

/// Whom an agent that serves several may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    Any,
    These(Vec<Box<str>>),
}

/// The gRPC services of versions 1.0 and 0.3.
pub const GRPC_SERVICES: [&str; 2] = ["lf.a2a.v1.A2AService", "a2a.v1.A2AService"];

/// The HTTP methods of the REST binding.
pub const REST_METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

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

const JSON_RPC_TYPES: [&str; 2] = [body::JSON, A2A_JSON];
const A2A_JSON: &str = "application/a2a+json";

/// The members of a request that something is decided by.
const PARAMS: [&str; 1] = ["tenant"];

impl A2a {
    /// Reads one request; gives the members of its message, where the binding shows them.
    pub(super) fn read(
        &self,
        request: &Request<'_>,
        path: &str,
        query: Option<&str>,
        seen: &mut Operation,
    ) -> Result<Option<Object>, Reason> {
        if let Some(method) = grpc_method(path).filter(|_| self.grpc && request.method == "POST") {
            seen.method = method.into();
            body::expect_grpc(request)?;
            seen.method = operation(|(name, _, older)| *name == method || *older == method)?.into();
            // The tenant is in a message that is not read.
            return Ok(None);
        }
        let mut tenants = Vec::new();
        let arguments = if self.json_rpc.as_deref() == Some(path) && request.method == "POST" {
            Some(json_rpc(request, seen)?)
        } else {
            let below = self.rest.as_deref().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or_default();
            let rest = Rest::read(request.method, below).ok_or(Reason::OperationUnknown)?;
            seen.method = rest.operation.into();
            tenants.extend(rest.tenant.map(str::to_owned));
            let in_body = match (request.method, rest.operation) {
                // Version 0.3 sends these without a body, and the path says all.
                ("POST", "CancelTask" | "SubscribeToTask") if body::is_empty(request) => Object::new(),
                ("POST", _) => body::json_object(request, &JSON_RPC_TYPES)?,
                (_, _) => Object::new(),
            };
            Some(rest.named(in_body)?)
        };
        let mut versions = vec![version(request.headers.a2a_version)?];
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            // google.api.http: what is in neither path nor body may be in the query.
            match name.as_ref() {
                "tenant" => tenants.push(value.into_owned()),
                "A2A-Version" => versions.push(Some(value.into_owned())),
                _ => {}
            }
        }
        check_versions(versions.into_iter().flatten())?;
        if let Some(arguments) = &arguments {
            if !spells(arguments, &PARAMS) {
                return Err(Reason::ParamsMalformed);
            }
            match arguments.get("tenant") {
                None => {}
                Some(Value::String(tenant)) => tenants.push(tenant.clone()),
                Some(_) => return Err(Reason::ParamsMalformed),
            }
        }
        self.check_tenants(tenants, seen)?;
        Ok(arguments)
    }

    /// One tenant at most, and one of ours. An empty one is none (the default of Protobuf).
    fn check_tenants(&self, mut named: Vec<String>, seen: &mut Operation) -> Result<(), Reason> {
        named.retain(|tenant| !tenant.is_empty());
        named.sort_unstable();
        named.dedup();
        let tenant = match named.as_slice() {
            [] => return Ok(()),
            [one] => one,
            [_, ..] => return Err(Reason::ParamsMalformed),
        };
        seen.tenant = Some(tenant.as_str().into());
        let allowed = match &self.tenants {
            Tenants::Any => true,
            Tenants::These(tenants) => tenants.iter().any(|ours| ours.as_ref() == tenant),
        };
        if allowed { Ok(()) } else { Err(Reason::TenantUnknown) }
    }

    pub(super) fn rule(&self, seen: &Operation) -> Result<&Arc<Rule>, Reason> {
        let found = self.methods.find(&seen.method).map(|Found { value, .. }| value);
        found.ok_or(Reason::OperationUnknown)
    }
}

fn grpc_method(path: &str) -> Option<&str> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    GRPC_SERVICES.contains(&service).then_some(method)
}

fn operation(is: impl Fn(&(&str, &str, &str)) -> bool) -> Result<&'static str, Reason> {
    NAMES.iter().find(|names| is(names)).map(|(name, _, _)| *name).ok_or(Reason::OperationUnknown)
}

fn json_rpc(request: &Request<'_>, seen: &mut Operation) -> Result<Object, Reason> {
    seen.json_rpc = true;
    let Message::Call { method, id, params } = Message::read(body::json(request, &JSON_RPC_TYPES)?)? else {
        return Err(Reason::CallMalformed);
    };
    seen.method = method.as_str().into();
    seen.id = id;
    seen.method = operation(|(name, older, _)| *name == method || *older == method)?.into();
    Ok(params)
}

fn version(field: Field<'_>) -> Result<Option<String>, Reason> {
    match field {
        Field::Absent => Ok(None),
        Field::Repeated => Err(Reason::RevisionUnsupported),
        Field::Once(value) => {
            let value = std::str::from_utf8(value.trim_ascii()).map_err(|_| Reason::RevisionUnsupported)?;
            Ok(Some(value.to_owned()))
        }
    }
}

/// All that is said of the version is the same, and known. Section 3.6.2: an empty one means 0.3.
fn check_versions(mut versions: impl Iterator<Item = String>) -> Result<(), Reason> {
    let known = |version: &str| matches!(version, "" | "0.3" | "1.0");
    let Some(first) = versions.next() else { return Ok(()) };
    if known(&first) && versions.all(|other| other == first) { Ok(()) } else { Err(Reason::RevisionUnsupported) }
}

/// What a path of the REST binding asks for.
struct Rest<'a> {
    operation: &'static str,
    tenant: Option<&'a str>,
    /// The parts of the path behind `/tasks` and `/pushNotificationConfigs`.
    ids: Vec<&'a str>,
}

impl<'a> Rest<'a> {
    /// As it stands, behind `/v1` (version 0.3), or behind a tenant (version 1.0).
    fn read(method: &str, path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if let Some(operation) = rest(method, &segments) {
            return Some(Self { operation, tenant: None, ids: ids(&segments) });
        }
        let (first, others) = segments.split_first()?;
        if *first == "v1" {
            let older = rest(method, others);
            let operation = older.or((method == "GET" && others == ["card"]).then_some("GetExtendedAgentCard"))?;
            return Some(Self { operation, tenant: None, ids: ids(others) });
        }
        Some(Self { operation: rest(method, others)?, tenant: Some(first), ids: ids(others) })
    }

    /// The arguments: those of the body, and what the path says, under the names of version 1.0. For a
    /// server the path counts, so a body that says something else is refused.
    fn named(&self, mut arguments: Object) -> Result<Object, Reason> {
        let names: &[&str] = match (self.operation, self.ids.len()) {
            (_, 0) => &[],
            ("GetTask" | "CancelTask" | "SubscribeToTask", _) => &["id"],
            (_, _) => &["taskId", "id"],
        };
        if !spells(&arguments, names) {
            return Err(Reason::ParamsMalformed);
        }
        for (name, id) in names.iter().zip(&self.ids) {
            let id = percent_decode_str(id).decode_utf8().map_err(|_| Reason::ParamsMalformed)?;
            let id = Value::String(id.into_owned());
            if arguments.get(*name).is_some_and(|in_body| *in_body != id) {
                return Err(Reason::ParamsMalformed);
            }
            arguments.insert((*name).to_owned(), id);
        }
        Ok(arguments)
    }
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
            let read = Rest::read(method, path).map(|rest| (rest.operation, rest.tenant));
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
            assert!(Rest::read(method, path).is_none(), "{method} {path}");
        }
    }
}
