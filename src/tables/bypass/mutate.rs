//! A good call with what a bypass changes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::super::case::Case;
use super::super::run::Bench;
use super::Entry;
use super::good::Good;
use crate::authz::{ScopeClaim, Service, SpiffeId};

/// Deeper than any reader of bodies goes.
const DEEP: usize = 10_000;
/// Longer than any token may be.
const LONG: usize = 100_000;

/// What stands for a part of the good call.
struct Words(Vec<(&'static str, String)>);

pub(super) fn mutated(entry: &Entry, bench: &Bench<'_>, good: &Good) -> Result<Case, String> {
    let words = Words::of(bench, good);
    let case = entry.base(good);
    let token = case.token.as_ref().map(|token| words.laid_over(token, &entry.token)).transpose()?;
    let proof = match &case.proof {
        Some(proof) => Some(words.laid_over(proof, &entry.proof)?),
        None if entry.proof.is_empty() => None,
        None => Some(words.laid_over(&super::super::written::Proof::default(), &entry.proof)?),
    };
    Ok(Case { request: words.laid_over(&case.request, &entry.request)?, token, proof, ..case.clone() })
}

impl Words {
    fn of(bench: &Bench<'_>, good: &Good) -> Self {
        let request = &good.case.request;
        let path = request.path.as_deref().unwrap_or("/").split(['?', '#']).next().unwrap_or("/");
        let method = request.method.as_deref().unwrap_or("GET");
        let body = request.body.as_deref().unwrap_or("{}");
        let params = good.body().and_then(|body| body.get("params").cloned()).unwrap_or_else(|| json!({}));
        let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
        let claims = good.case.token.as_ref().map(|token| token.claims.clone()).unwrap_or_default();
        let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let actor = claims.get("act").and_then(|act| act.get("sub")).and_then(Value::as_str);
        let issuer = good.issuer(bench);
        let scope_claim = match issuer.map(|issuer| issuer.shape.scope_claim) {
            Some(ScopeClaim::Scp) => ("scp", "scope"),
            Some(ScopeClaim::Scope) | None => ("scope", "scp"),
        };
        let other = bench.issuers().find(|other| issuer.is_none_or(|issuer| issuer.name != other.name));
        let agents = &bench.settings().agents;
        let own = good.service.agent.and_then(|index| agents.get(index)).map_or("", |agent| agent.subject.as_ref());
        let first = |list: &[Box<str>]| list.first().map_or(String::new(), |first| first.as_ref().to_owned());
        // Those that the rule asks for: the good call may have more.
        let scope = good.rule.scopes.join(" ");
        Self(vec![
            ("<path>", path.to_owned()),
            ("<bare path>", path.trim_start_matches('/').to_owned()),
            ("<lower method>", method.to_ascii_lowercase()),
            ("<body>", body.to_owned()),
            ("<members>", body.trim_start().trim_start_matches('{').to_owned()),
            ("<params>", params.to_string()),
            ("<name>", name.to_owned()),
            ("<upper name>", name.to_ascii_uppercase()),
            ("<issuer>", issuer.map_or(String::new(), |issuer| issuer.name.as_ref().to_owned())),
            ("<other issuer>", other.map_or(String::new(), |other| other.name.as_ref().to_owned())),
            ("<audience>", first(&good.service.audiences)),
            ("<other audience>", other_service(bench, good).map_or(String::new(), |other| first(&other.audiences))),
            ("<subject>", claim("sub")),
            ("<actor>", actor.map_or_else(|| claim("client_id"), str::to_owned)),
            ("<service agent>", own.to_owned()),
            ("<peer>", peer(request.peer.as_deref().unwrap_or_default())),
            ("<scope claim>", scope_claim.0.to_owned()),
            ("<other scope claim>", scope_claim.1.to_owned()),
            ("<scope>", scope.clone()),
            ("<upper scope>", scope.to_ascii_uppercase()),
            ("<deep>", format!("{}1{}", "{\"a\":".repeat(DEEP), "}".repeat(DEEP))),
            ("<long>", "A".repeat(LONG)),
        ])
    }

    /// The base with the changes of `over`: field by field, in a mapping name by name, and what a list of names leaves
    /// out beside what was left out before.
    fn laid_over<T: Serialize + DeserializeOwned>(&self, base: &T, over: &Map<String, Value>) -> Result<T, String> {
        let mut whole = serde_json::to_value(base).map_err(|error| error.to_string())?;
        for (name, value) in over {
            let value = self.said(value);
            let Some(fields) = whole.as_object_mut() else { continue };
            match (name.as_str(), fields.get_mut(name), value) {
                ("without" | "without_header", Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
                ("claims" | "header" | "headers" | "repeat", Some(Value::Object(known)), Value::Object(more)) => {
                    let written: Vec<_> = more.keys().cloned().collect();
                    known.extend(more);
                    // What is changed is there, also where the good call left it out.
                    let left_out = if name == "claims" { "without" } else { "without_header" };
                    if let Some(Value::Array(names)) = fields.get_mut(left_out) {
                        names.retain(|left| !written.iter().any(|name| left.as_str() == Some(name)));
                    }
                }
                (_, _, value) => {
                    fields.insert(name.clone(), value);
                }
            }
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }

    /// `value` with the good call's own words in it.
    fn said(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.said(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| (self.text(name), self.said(member))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (word, meant)| text.replace(word, meant))
    }
}

/// Another service that has an audience of its own.
pub(super) fn other_service<'b>(bench: &Bench<'b>, good: &Good) -> Option<&'b Service> {
    let others = bench.settings().services.iter();
    others
        .filter(|other| other.name != good.service.name)
        .find(|other| other.audiences.first() != good.service.audiences.first())
}

/// The SPIFFE id that the good call comes from; where it comes from none, one that is nobody's.
fn peer(written: &str) -> String {
    SpiffeId::parse(written).map_or("spiffe://test.invalid/peer".to_owned(), |id| id.as_str().to_owned())
}
