//! The Cedar schema: what policies can speak of. Made from the configuration, as each route and tool
//! is an action, with its own parameters and arguments.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Schema, SchemaFragment};
use serde_json::{Map, Value, json};

use super::super::parameters::{Argument, ValueKind};
use super::super::rule::Rule;
use super::super::snapshot::Services;
use super::compile::whole;

/// A schema, in Cedar's JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicySchema {
    json: Value,
    twice: BTreeSet<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("two things are both called `{0}` by policies: rename a service or route")]
    Twice(String),
    #[error("the schema can't be used: {0}")]
    Unusable(String),
}

impl PolicySchema {
    /// The schema for `services`, with these `claims` of the token.
    #[must_use]
    pub fn of(services: &Services, claims: &[Argument]) -> Self {
        let mut actions = BTreeMap::new();
        let mut groups: BTreeMap<String, &'static str> = BTreeMap::new();
        let mut twice = BTreeSet::new();
        let mut doubled = Vec::new();
        let mut group = |name: &str, kind: &'static str| {
            let clash = groups.insert(name.to_owned(), kind).is_some_and(|other| other != kind);
            if clash {
                twice.insert(name.to_owned());
            }
            json!({ "id": name })
        };
        for service in services.iter() {
            let of_service = group(&service.name, "service");
            for route in service.routes.iter() {
                let of_route = format!("{}/{}", service.name, route.name);
                for rule in route.speaks.rules() {
                    let action = rule.action.as_ref();
                    let mut parents = vec![of_service.clone()];
                    if action != of_route {
                        parents.push(group(&of_route, "route"));
                    }
                    if let Some(risk) = &rule.risk {
                        parents.push(group(&format!("risk:{risk}"), "risk"));
                    }
                    let written = json!({
                        "memberOf": parents,
                        "appliesTo": {
                            "principalTypes": ["Agent", "Client"],
                            "resourceTypes": ["Service"],
                            "context": context(rule, claims),
                        },
                    });
                    if actions.insert(action.to_owned(), written).is_some() {
                        doubled.push(action.to_owned());
                    }
                }
            }
        }
        for group in groups.into_keys() {
            if actions.insert(group.clone(), json!({})).is_some() {
                doubled.push(group);
            }
        }
        twice.extend(doubled);
        let named = json!({ "memberOfTypes": ["Group"], "tags": { "type": "String" } });
        let json = json!({ "": {
            "entityTypes": { "Agent": named, "Client": named, "Group": named, "Service": named, "User": named },
            "actions": actions.into_iter().collect::<Map<_, _>>(),
        }});
        Self { json, twice }
    }

    pub(super) fn compile(self) -> Result<Schema, SchemaError> {
        if let Some(action) = self.twice.first() {
            return Err(SchemaError::Twice(action.clone()));
        }
        Schema::from_json_value(self.json).map_err(|error| SchemaError::Unusable(whole(&error)))
    }

    /// The schema in Cedar's own language, as its tools and editors read it.
    ///
    /// # Errors
    /// As [`super::Policies::compile`].
    pub fn to_cedar(&self) -> Result<String, SchemaError> {
        let fragment = SchemaFragment::from_json_value(self.json.clone());
        let text = fragment.map_err(|error| SchemaError::Unusable(whole(&error)))?.to_cedarschema();
        text.map_err(|error| SchemaError::Unusable(error.to_string()))
    }
}

/// What a policy finds in `context`.
fn context(rule: &Rule, claims: &[Argument]) -> Value {
    let text = json!({ "type": "String" });
    let long = json!({ "type": "Long" });
    let agents = json!({ "type": "Set", "element": { "type": "Entity", "name": "Agent" } });
    let always = [
        ("subject", json!({ "type": "Entity", "name": "User" })),
        ("issuer", text.clone()),
        ("client_type", text.clone()),
        ("scopes", json!({ "type": "Set", "element": text })),
        ("delegation_depth", long.clone()),
        ("actors", agents.clone()),
        ("prior_actors", agents),
        ("unknown_actors", json!({ "type": "Boolean" })),
        ("sender_constrained", json!({ "type": "Boolean" })),
        ("protocol", text.clone()),
        ("method", text.clone()),
        ("path", text.clone()),
        ("parameters", record(rule.parameters.iter().map(|name| (name.as_ref(), text.clone(), true)))),
        ("arguments", record(rule.arguments.iter().map(typed))),
        ("claims", record(claims.iter().map(typed))),
        (
            "authorization_details",
            json!({ "type": "Set", "element": record([("type", text.clone(), true), ("identifier", text.clone(), true)].into_iter()) }),
        ),
    ];
    let perhaps = [
        ("client_id", text.clone()),
        ("acr", text.clone()),
        ("authentication_age", long.clone()),
        ("token_age", long),
        ("peer", text.clone()),
        ("operation", text.clone()),
        ("operation_name", text.clone()),
        ("tenant", text),
    ];
    let always = always.into_iter().map(|(name, kind)| (name, kind, true));
    record(always.chain(perhaps.into_iter().map(|(name, kind)| (name, kind, false))))
}

fn typed(argument: &Argument) -> (&str, Value, bool) {
    let kind = match argument.kind {
        ValueKind::Text => json!({ "type": "String" }),
        ValueKind::Long => json!({ "type": "Long" }),
        ValueKind::Decimal => json!({ "type": "Extension", "name": "decimal" }),
        ValueKind::Boolean => json!({ "type": "Boolean" }),
        ValueKind::Texts => json!({ "type": "Set", "element": { "type": "String" } }),
    };
    (&argument.name, kind, !argument.optional)
}

fn record<'a>(fields: impl Iterator<Item = (&'a str, Value, bool)>) -> Value {
    let attributes: Map<String, Value> = fields
        .map(|(name, mut kind, required)| {
            if let (Value::Object(kind), false) = (&mut kind, required) {
                kind.insert("required".to_owned(), Value::Bool(false));
            }
            (name.to_owned(), kind)
        })
        .collect();
    json!({ "type": "Record", "attributes": attributes })
}
