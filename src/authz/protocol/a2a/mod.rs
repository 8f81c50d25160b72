//! A2A, versions 1.0 and 0.3, in its three bindings: JSON-RPC, HTTP with JSON (REST), gRPC.
//!
//! An operation has one name here, that of version 1.0, however it is called; so a rule can't be
//! walked around by another version or binding.

mod operation;
mod rest;

use std::sync::Arc;

use serde_json::Value;

pub use self::operation::{GRPC_SERVICES, Version, operations};
pub use self::rest::REST_METHODS;
use self::rest::{Rest, decoded};
use super::super::json::{Keep, Object, same_folded};
use super::super::pattern::{Found, Patterns};
use super::super::reason::Reason;
use super::super::request::Field;
use super::super::rule::Rule;
use super::json_rpc::{Message, spells};
use super::{Operation, Sent, body};

/// What an A2A agent lets be called, and where.
#[derive(Clone, Debug)]
pub struct A2a {
    /// The path of the JSON-RPC binding.
    pub json_rpc: Option<Box<str>>,
    /// What stands before the paths of the REST binding; empty for none.
    pub rest: Option<Box<str>>,
    /// The gRPC binding is open.
    pub grpc: bool,
    /// Never empty.
    pub versions: Vec<Version>,
    pub tenants: Tenants,
    /// What every call of the route needs.
    pub scopes: Vec<Box<str>>,
    /// By operation.
    pub methods: Patterns<Arc<Rule>>,
}

/// Whom an agent that serves several may be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    Any,
    These(Vec<Box<str>>),
}

const JSON_RPC_TYPES: [&str; 2] = [body::JSON, A2A_JSON];
const A2A_JSON: &str = "application/a2a+json";

/// What a rule is found by, in the members of a message.
const IN_PARAMS: Keep = Keep::Only(DECIDING_PARAMS);
const DECIDING_PARAMS: &[(&str, Keep)] =
    &[("tenant", Keep::All), ("id", Keep::All), ("taskId", Keep::All), ("configuration", Keep::Only(WEBHOOKS))];
const WEBHOOKS: &[(&str, Keep)] = &[];

/// The same, of a message in JSON-RPC.
const DECIDING: Keep = Keep::Only(&[
    ("jsonrpc", Keep::All),
    ("id", Keep::All),
    ("method", Keep::All),
    ("params", Keep::Only(DECIDING_PARAMS)),
]);

/// The members of a request that something is decided by.
const PARAMS: [&str; 2] = ["tenant", "configuration"];

/// What was read, and who is asked for, by whose word.
#[derive(Default)]
struct Heard {
    arguments: Object,
    /// Where the binding and version have it.
    tenant: Option<String>,
    /// Wherever else one is named: a server may look there.
    elsewhere: Vec<String>,
}

/// What is to be read of a call.
struct Wanted<'a> {
    versions: &'a [Version],
    /// Of a message of JSON-RPC, and of its params or a body of REST.
    message: &'static Keep,
    params: &'static Keep,
}

impl Wanted<'_> {
    fn speaks(&self, version: Version) -> Result<(), Reason> {
        if self.versions.contains(&version) { Ok(()) } else { Err(Reason::RevisionUnsupported) }
    }
}

impl A2a {
    /// Reads one request; gives the members of its message, where the binding shows them, with what a
    /// rule is found by.
    pub(super) fn read(&self, sent: &Sent<'_>, seen: &mut Operation) -> Result<Option<Object>, Reason> {
        self.message(sent, seen, &Wanted { versions: &self.versions, message: &DECIDING, params: &IN_PARAMS })
    }

    /// The members of the message of a request that was read before, whole.
    /// Only in version 1.0: rules are written in its names, and version 0.3 has other ones.
    pub(super) fn arguments(&self, sent: &Sent<'_>) -> Result<Option<Object>, Reason> {
        let wanted = Wanted { versions: &[Version::V10], message: &Keep::All, params: &Keep::All };
        self.message(sent, &mut Operation::default(), &wanted)
    }

    fn message(&self, sent: &Sent<'_>, seen: &mut Operation, wanted: &Wanted<'_>) -> Result<Option<Object>, Reason> {
        let (request, path) = (sent.request, sent.path.as_str());
        if let Some((method, version)) = operation::grpc_method(path).filter(|_| self.grpc && request.method == "POST")
        {
            seen.method = method.into();
            body::expect_grpc(request)?;
            wanted.speaks(version)?;
            seen.method = operation::of_grpc(method, version).ok_or(Reason::OperationUnknown)?.into();
            // The tenant is in a message that is not read.
            return Ok(None);
        }
        let mut heard = Heard::default();
        let mut versions: Vec<String> = version(request.headers.a2a_version)?.into_iter().collect();
        let mut query = Vec::new();
        for (name, value) in form_urlencoded::parse(sent.query.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "tenant" => heard.elsewhere.push(value.into_owned()),
                "A2A-Version" => versions.push(value.into_owned()),
                _ => query.push((name.into_owned(), value.into_owned())),
            }
        }
        let said = said(&versions)?;
        if self.json_rpc.as_deref() == Some(path) && request.method == "POST" {
            json_rpc(sent, seen, wanted, said, &mut heard)?;
        } else {
            self.rest(sent, seen, wanted, said, &query, &mut heard)?;
        }
        if !spells(&heard.arguments, &PARAMS) {
            return Err(Reason::ParamsMalformed);
        }
        self.check_tenant(&heard, seen)?;
        Ok(Some(heard.arguments))
    }

    fn rest(
        &self,
        sent: &Sent<'_>,
        seen: &mut Operation,
        wanted: &Wanted<'_>,
        said: Option<Version>,
        query: &[(String, String)],
        heard: &mut Heard,
    ) -> Result<(), Reason> {
        let (request, path) = (sent.request, sent.path.as_str());
        let below = self.rest.as_deref().and_then(|prefix| path.strip_prefix(prefix)).unwrap_or_default();
        let rest = Rest::read(request.method, below, said).ok_or(Reason::OperationUnknown)?;
        seen.method = rest.operation.into();
        wanted.speaks(said.unwrap_or(rest.version))?;
        let (in_body, query) = match (request.method, rest.operation) {
            // Version 0.3 sends these without a body, and the path says all.
            ("POST", "CancelTask" | "SubscribeToTask") if body::is_empty(request) => (Object::new(), [].as_slice()),
            ("POST", _) => (body::json_object(sent, &JSON_RPC_TYPES, wanted.params)?, [].as_slice()),
            // google.api.http: what is in neither path nor body is in the query.
            (_, _) => (Object::new(), query),
        };
        heard.elsewhere.extend(tenant(&in_body)?);
        heard.tenant = rest.tenant.map(decoded).transpose()?;
        heard.arguments = rest.named(in_body, query)?;
        Ok(())
    }

    /// One tenant at most, one of ours, and no other named anywhere. An empty one is none (the default
    /// of Protobuf).
    fn check_tenant(&self, heard: &Heard, seen: &mut Operation) -> Result<(), Reason> {
        let tenant = heard.tenant.as_deref().unwrap_or_default();
        if heard.elsewhere.iter().any(|other| other != tenant) {
            return Err(Reason::ParamsMalformed);
        }
        if tenant.is_empty() {
            return Ok(());
        }
        seen.tenant = Some(tenant.into());
        let allowed = match &self.tenants {
            Tenants::Any => true,
            Tenants::These(tenants) => tenants.iter().any(|ours| ours.as_ref() == tenant),
        };
        if allowed { Ok(()) } else { Err(Reason::TenantUnknown) }
    }

    pub(super) fn rule(&self, operation: &str) -> Result<&Arc<Rule>, Reason> {
        let found = self.methods.find(operation).map(|Found { value, .. }| value);
        found.ok_or(Reason::OperationUnknown)
    }
}

fn json_rpc(
    sent: &Sent<'_>,
    seen: &mut Operation,
    wanted: &Wanted<'_>,
    said: Option<Version>,
    heard: &mut Heard,
) -> Result<(), Reason> {
    seen.json_rpc = true;
    let Message::Call { method, id, params } = Message::read(body::json(sent, &JSON_RPC_TYPES, wanted.message)?)?
    else {
        return Err(Reason::CallMalformed);
    };
    seen.method = method.as_str().into();
    seen.id = id;
    let (operation, version) = operation::of_json_rpc(&method).ok_or(Reason::OperationUnknown)?;
    seen.method = operation.into();
    wanted.speaks(version)?;
    if said.is_some_and(|said| said != version) {
        return Err(Reason::RevisionUnsupported);
    }
    let tenant = tenant(&params)?;
    match version {
        Version::V10 => heard.tenant = tenant,
        // Version 0.3 has none.
        Version::V03 => heard.elsewhere.extend(tenant),
    }
    heard.arguments = params;
    Ok(())
}

/// What a message makes the agent do besides: with a webhook in its `configuration`, it creates one.
pub(super) fn also_does(arguments: Option<&Object>) -> Option<&'static str> {
    let configuration = arguments?.get("configuration")?.as_object()?;
    let webhook =
        |name: &str| same_folded(name, "taskPushNotificationConfig") || same_folded(name, "pushNotificationConfig");
    configuration
        .iter()
        .any(|(name, value)| webhook(name) && !value.is_null())
        .then_some("CreateTaskPushNotificationConfig")
}

fn tenant(members: &Object) -> Result<Option<String>, Reason> {
    match members.get("tenant") {
        None => Ok(None),
        Some(Value::String(tenant)) => Ok(Some(tenant.clone())),
        Some(_) => Err(Reason::ParamsMalformed),
    }
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

/// All that is said of the version is the same, and known.
fn said(versions: &[String]) -> Result<Option<Version>, Reason> {
    let Some(first) = versions.first() else { return Ok(None) };
    let version = Version::parse(first).filter(|_| versions.iter().all(|other| other == first));
    version.map(Some).ok_or(Reason::RevisionUnsupported)
}
