//! Routes, and the rules for what is called behind them, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::delegation::Delegation;
use super::sender::{Demands, SenderConstrained, StepUp};
use crate::config::span::Span;

/// One place where a service may be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    #[schemars(length(min = 1))]
    pub name: String,
    #[serde(rename = "match")]
    pub matches: Match,
    /// Open to everybody, without a token; only for `GET` and `HEAD`.
    #[serde(default)]
    pub public: bool,
    /// `json`: the body is a JSON object; its members are the arguments of the call.
    #[serde(default)]
    pub body: Option<BodyKind>,
    /// Scopes the token must hold, all of them.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its class of action: `read`, `write`, `destructive`, or one of the top-level `risk`.
    #[serde(default)]
    pub risk: Option<String>,
    /// The kinds of client that may call. Default: all.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub client_types: Option<Vec<ClientType>>,
    /// As in `risk`; what is left out here is taken from the class.
    #[serde(default)]
    pub sender_constrained: Option<SenderConstrained>,
    /// As in `risk`. Default: true where an `approval` is asked for.
    #[serde(default)]
    pub single_use: Option<bool>,
    /// As in `risk`.
    #[serde(default)]
    pub max_token_age: Option<Span>,
    /// As in `risk`.
    #[serde(default)]
    pub step_up: Option<StepUp>,
    #[serde(default)]
    pub delegation: Delegation,
    /// Arguments that a call must have (behind a `?`: may have), and what they hold. Others are not looked at.
    #[serde(default)]
    pub arguments: BTreeMap<String, ValueType>,
    /// The person must have approved this very action (RFC 9396).
    #[serde(default)]
    pub approval: Option<Approval>,
    /// Of `mcp`: what may be called besides tools, resources and prompts, by JSON-RPC method. Of `a2a`: by
    /// operation, in the names of version 1.0. One star stands for any part of a name.
    #[serde(default)]
    pub methods: BTreeMap<String, Rule>,
    /// Of `mcp`: the tools that may be called. Anything else is refused.
    #[serde(default)]
    pub tools: BTreeMap<String, Rule>,
    /// Of `mcp`: the resources that may be read or subscribed to, by URI.
    #[serde(default)]
    pub resources: BTreeMap<String, Rule>,
    /// Of `mcp`: the prompts that may be got.
    #[serde(default)]
    pub prompts: BTreeMap<String, Rule>,
}

/// What one tool or method asks for, as on a route. Its scopes are asked for beside the route's; what
/// else it leaves out is taken from the route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    pub scopes: Vec<String>,
    pub risk: Option<String>,
    #[schemars(length(min = 1))]
    pub client_types: Option<Vec<ClientType>>,
    pub sender_constrained: Option<SenderConstrained>,
    pub single_use: Option<bool>,
    pub max_token_age: Option<Span>,
    pub step_up: Option<StepUp>,
    pub delegation: Delegation,
    pub arguments: BTreeMap<String, ValueType>,
    pub approval: Option<Approval>,
}

impl Rule {
    pub(crate) fn demands(&self) -> Demands {
        Demands {
            sender_constrained: self.sender_constrained,
            single_use: self.single_use,
            max_token_age: self.max_token_age,
            step_up: self.step_up.clone(),
        }
    }
}

impl Route {
    /// What the route itself asks for.
    pub(crate) fn rule(&self) -> Rule {
        Rule {
            scopes: self.scopes.clone(),
            risk: self.risk.clone(),
            client_types: self.client_types.clone(),
            sender_constrained: self.sender_constrained,
            single_use: self.single_use,
            max_token_age: self.max_token_age,
            step_up: self.step_up.clone(),
            delegation: self.delegation.clone(),
            arguments: self.arguments.clone(),
            approval: self.approval.clone(),
        }
    }
}

impl Route {
    /// Every rule of the route, its own first.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let behind = [&self.methods, &self.tools, &self.resources, &self.prompts];
        std::iter::once(self.rule()).chain(behind.into_iter().flat_map(|rules| rules.values().cloned())).collect()
    }
}

/// Exactly one of: `path` with `method` or `methods`, `grpc`, `mcp`, `a2a`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Match {
    #[serde(default)]
    pub method: Option<String>,
    #[serde(default)]
    pub methods: Option<Vec<String>>,
    /// A path template such as `/invoices/{id}` or `/files/{*rest}`.
    #[serde(default)]
    pub path: Option<String>,
    /// A full gRPC method such as `invoices.v1.Invoices/Refund`; `*` for every method of a service.
    #[serde(default)]
    pub grpc: Option<String>,
    #[serde(default)]
    pub mcp: Option<McpMatch>,
    #[serde(default)]
    pub a2a: Option<A2aMatch>,
}

/// An MCP server (Streamable HTTP).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct McpMatch {
    pub path: String,
    /// Revisions of the protocol that are spoken. Default: all that are known.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub revisions: Option<Vec<McpRevision>>,
}

/// An A2A agent, versions 1.0 and 0.3, in at least one of its bindings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct A2aMatch {
    /// The path of the JSON-RPC binding.
    #[serde(default)]
    pub json_rpc: Option<String>,
    /// What stands before the paths of the REST binding; `/` for nothing.
    #[serde(default)]
    pub rest: Option<String>,
    /// The gRPC binding. The tenant is not seen there, so `tenants` must be `["*"]`.
    #[serde(default)]
    pub grpc: bool,
    /// Versions of the protocol that are spoken. Default: both.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub versions: Option<Vec<A2aVersion>>,
    /// The tenants that may be asked for; `["*"]` for all. Default: none, only the agent itself.
    #[serde(default)]
    pub tenants: Vec<String>,
}

/// An entry of `authorization_details` that the token must have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    #[serde(rename = "type")]
    #[schemars(length(min = 1))]
    pub kind: String,
    /// The entry's further members, and what they must equal: `path.NAME` or `arguments.NAME`.
    #[serde(rename = "match")]
    pub matches: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    Json,
}

/// `agent`: acts for somebody, or is one of `agents`. `user`: a person's own client. `service`: acts for
/// itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    Agent,
    User,
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum A2aVersion {
    #[serde(rename = "0.3")]
    V03,
    #[serde(rename = "1.0")]
    V10,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum McpRevision {
    #[serde(rename = "2025-06-18")]
    R20250618,
    #[serde(rename = "2025-11-25")]
    R20251125,
    #[serde(rename = "2026-07-28")]
    R20260728,
}

/// `string`, `long` (a whole number of 64 bits), `decimal` (at most four digits behind the point),
/// `boolean`, `strings` (a list); with a `?` it may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ValueType {
    #[serde(rename = "string")]
    Text,
    #[serde(rename = "long")]
    Long,
    #[serde(rename = "decimal")]
    Decimal,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "strings")]
    Texts,
    #[serde(rename = "string?")]
    OptionalText,
    #[serde(rename = "long?")]
    OptionalLong,
    #[serde(rename = "decimal?")]
    OptionalDecimal,
    #[serde(rename = "boolean?")]
    OptionalBoolean,
    #[serde(rename = "strings?")]
    OptionalTexts,
}
