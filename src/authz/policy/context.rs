//! One call, as policies see it.

use std::borrow::Cow;

use cedar_policy::{Context, Request, RestrictedExpression};
use percent_encoding::percent_decode_str;

use super::super::agents::Agents;
use super::super::claims::{Act, Claims};
use super::super::client_type::ClientType;
use super::super::delegation::Chain;
use super::super::json::Object;
use super::super::parameters::{Argument, Parameters, Typed};
use super::super::protocol::{Operation, Protocol};
use super::super::rule::Rule;
use super::super::snapshot::Service;
use super::super::time::UnixTime;
use super::{Policies, uid};

/// What a policy may look at. All of it was checked before, but for the caller's own words: path,
/// parameters, arguments, operation and names.
pub(in super::super) struct Call<'a> {
    pub(in super::super) agents: &'a Agents,
    pub(in super::super) service: &'a Service,
    pub(in super::super) rule: &'a Rule,
    pub(in super::super) claims: &'a Claims,
    pub(in super::super) chain: &'a Chain,
    pub(in super::super) peer: Option<&'a str>,
    pub(in super::super) method: &'a str,
    pub(in super::super) path: &'a str,
    pub(in super::super) operation: Option<&'a Operation>,
    pub(in super::super) parameters: Parameters<'a>,
    /// Check 9 found the token bound, and with whom it is bound to.
    pub(in super::super) sender_is_proven: bool,
    pub(in super::super) now: UnixTime,
}

type Pairs = Vec<(String, RestrictedExpression)>;

impl Policies {
    pub(super) fn request(&self, call: &Call<'_>) -> Result<Request, String> {
        let principal = self.principal(call).ok_or("the current actor is no agent that is known")?;
        let action = uid(&self.types.action, &call.rule.action);
        let resource = uid(&self.types.service, &call.service.name);
        let context = Context::from_pairs(self.context(call)?).map_err(|error| error.to_string())?;
        // The policies are valid for what the schema says, so in development all that is built here
        // is held against it; a call that differs would only fail to evaluate.
        let schema = cfg!(debug_assertions).then_some(&self.schema);
        Request::new(principal, action, resource, context, schema).map_err(|error| error.to_string())
    }

    /// The current actor; without delegation, the client.
    fn principal(&self, call: &Call<'_>) -> Option<cedar_policy::EntityUid> {
        let claims = call.claims;
        let client = claims.client_id.as_deref();
        let agent = match claims.act {
            Act::Absent => client.and_then(|id| call.agents.of_client(&claims.issuer, id)),
            Act::Chain(_) | Act::Malformed => Some(call.chain.agents().first().copied().flatten()?),
        };
        Some(match agent.and_then(|index| call.agents.get(index)) {
            Some(agent) => uid(&self.types.agent, &agent.id),
            None => uid(&self.types.client, &self.name(claims, client.unwrap_or_default())),
        })
    }

    /// A name of the token's issuer; where others issue too, with the issuer in front.
    fn name(&self, claims: &Claims, name: &str) -> String {
        if self.qualified { format!("{}#{name}", claims.issuer) } else { name.to_owned() }
    }

    fn context(&self, call: &Call<'_>) -> Result<Pairs, String> {
        let Call { claims, .. } = call;
        let ids = |agents: &[Option<super::super::agents::AgentIndex>]| {
            let known = agents.iter().flatten().filter_map(|index| call.agents.get(*index));
            set(known.map(|agent| RestrictedExpression::new_entity_uid(uid(&self.types.agent, &agent.id))))
        };
        let chain = call.chain.agents();
        let depth = i64::try_from(chain.len()).map_err(|_| "a chain without end")?;
        let protocol = call.operation.map_or(Protocol::Http, |operation| operation.protocol);
        let mut pairs: Pairs = Vec::with_capacity(24);
        let mut put = |name: &str, value: RestrictedExpression| pairs.push((name.to_owned(), value));
        put(
            "subject",
            RestrictedExpression::new_entity_uid(uid(&self.types.user, &self.name(claims, &claims.subject))),
        );
        put("issuer", text(&claims.issuer));
        put("client_type", text(ClientType::of(call.agents, claims).name()));
        put("scopes", set(claims.scopes.iter().map(|scope| text(scope))));
        put("delegation_depth", RestrictedExpression::new_long(depth));
        put("actors", ids(chain));
        put("prior_actors", ids(chain.get(1..).unwrap_or_default()));
        put("unknown_actors", RestrictedExpression::new_bool(chain.iter().any(Option::is_none)));
        put("sender_constrained", RestrictedExpression::new_bool(call.sender_is_proven));
        put("protocol", text(protocol.name()));
        put("method", text(call.method));
        put("path", text(&decoded(call.path)));
        put("parameters", record(path_parameters(call.rule, call.parameters)?)?);
        put("arguments", record(typed(&call.rule.arguments, call.parameters.arguments)?)?);
        put("claims", record(typed(&self.claims, Some(&claims.named))?)?);
        put("authorization_details", set(plain_details(call.service, claims)?.into_iter()));
        let operation = call.operation;
        let name = operation.and_then(|operation| match operation.method.split_once('/') {
            Some(("resources", _)) => operation.name.as_deref().map(decoded),
            Some(_) | None => operation.name.as_deref().map(Cow::Borrowed),
        });
        let perhaps = [
            ("client_id", claims.client_id.as_deref()),
            ("acr", claims.acr.as_deref()),
            ("peer", call.peer),
            ("operation", operation.map(|operation| operation.method.as_ref())),
            ("operation_name", name.as_deref()),
            ("tenant", operation.and_then(|operation| operation.tenant.as_deref())),
        ];
        perhaps
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .for_each(|(name, value)| put(name, text(value)));
        for (name, since) in [("authentication_age", claims.auth_time), ("token_age", claims.issued_at)] {
            if let Some(since) = since {
                put(name, RestrictedExpression::new_long(call.now.as_secs().saturating_sub(since.as_secs())));
            }
        }
        Ok(pairs)
    }
}

/// A path or URI as whoever serves it reads it.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn set(values: impl Iterator<Item = RestrictedExpression>) -> RestrictedExpression {
    RestrictedExpression::new_set(values)
}

fn record(fields: Pairs) -> Result<RestrictedExpression, String> {
    RestrictedExpression::new_record(fields).map_err(|error| error.to_string())
}

fn path_parameters(rule: &Rule, parameters: Parameters<'_>) -> Result<Pairs, String> {
    let value = |name: &str| parameters.in_path(name).ok_or(format!("the path has no `{name}`"));
    rule.parameters.iter().map(|name| Ok((name.as_ref().to_owned(), text(&value(name)?)))).collect()
}

/// The declared values that are there. One of another kind is a fault, not an absent one.
fn typed(declared: &[Argument], values: Option<&Object>) -> Result<Pairs, String> {
    let mut pairs = Vec::new();
    for argument in declared {
        let Some(value) = values.and_then(|values| values.get(argument.name.as_ref())) else {
            continue;
        };
        let typed = argument.kind.read(value).ok_or(format!("`{}` is of another kind than declared", argument.name))?;
        let value = match typed {
            Typed::Text(value) => text(value),
            Typed::Long(value) => RestrictedExpression::new_long(value),
            Typed::Decimal(value) => RestrictedExpression::new_decimal(value),
            Typed::Boolean(value) => RestrictedExpression::new_bool(value),
            Typed::Texts(values) => set(values.into_iter().map(text)),
        };
        pairs.push((argument.name.as_ref().to_owned(), value));
    }
    Ok(pairs)
}

/// The entries of `authorization_details` that say no more than their type and identifier, and are
/// for this service. One that says more is narrower, and is not shown as if it were not.
fn plain_details(service: &Service, claims: &Claims) -> Result<Vec<RestrictedExpression>, String> {
    let ours = |entry: &Object| match entry.get("locations") {
        None => true,
        Some(places) => places.as_array().is_some_and(|places| {
            places
                .iter()
                .filter_map(|place| place.as_str())
                .any(|place| service.audiences.iter().any(|audience| audience.as_ref() == place))
        }),
    };
    let known = |name: &String| matches!(name.as_str(), "type" | "identifier" | "locations");
    let shown = claims.authorization_details.iter().filter(|entry| entry.keys().all(known) && ours(entry));
    let mut details = Vec::new();
    for entry in shown {
        let Some(kind) = entry.get("type").and_then(|kind| kind.as_str()) else { continue };
        let identifier = match entry.get("identifier") {
            None => "",
            Some(identifier) => match identifier.as_str() {
                Some(identifier) => identifier,
                None => continue,
            },
        };
        details.push(record(vec![("type".to_owned(), text(kind)), ("identifier".to_owned(), text(identifier))])?);
    }
    Ok(details)
}
