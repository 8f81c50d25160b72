//! What each route, tool and method asks for: its own words, else those of what it stands under.

use std::collections::HashSet;

use super::build::{AgentNames, scope_list};
use super::demands::Classes;
use super::faults::Faults;
use super::written::{self, ValueType};
use crate::authz::{
    Allowed, Approval, Argument, BindCaller, Ceiling, ClientType, Delegation, Pair, PairSubject, PriorActors,
    RESERVED_FIELDS, Rule, Source, ValueKind,
};

/// Depth where the operator says nothing. The Actor Profile draft asks for a local maximum and
/// for at least four across domains.
const DEFAULT_MAX_DEPTH: u8 = 4;

/// Builds the rules of one service.
pub(super) struct Rules<'a> {
    pub(super) service: &'a written::Service,
    /// What the service asks of chains.
    pub(super) delegation: Delegation,
    pub(super) classes: &'a Classes<'a>,
    pub(super) names: &'a AgentNames<'a>,
    pub(super) faults: &'a mut Faults,
    pub(super) warnings: &'a mut Faults,
}

/// Where a rule stands.
pub(super) struct Place<'a> {
    pub(super) route: &'a written::Route,
    /// The path of the route in the file.
    pub(super) path: &'a str,
    /// Parameters of its path template.
    pub(super) parameters: &'a [Box<str>],
}

/// One tool, resource, prompt or method behind a route.
pub(super) struct Behind<'a> {
    /// The field it stands in, such as `tools`.
    pub(super) field: &'static str,
    pub(super) name: &'a str,
    pub(super) rule: &'a written::Rule,
}

impl Rules<'_> {
    /// The rule of a route itself, or of what stands `behind` it. `arguments`: whether it can have any.
    pub(super) fn build(&mut self, place: &Place<'_>, behind: Option<&Behind<'_>>, arguments: bool) -> Rule {
        let of_route = place.route.rule();
        let own = behind.map_or(&of_route, |behind| behind.rule);
        let path = match behind {
            None => place.path.to_owned(),
            Some(Behind { field, name, .. }) => format!("{}.{field}.{name}", place.path),
        };
        let action = match behind {
            None => format!("{}/{}", self.service.name, place.route.name),
            Some(Behind { field, name, .. }) => format!("{}/{}/{field}/{name}", self.service.name, place.route.name),
        };
        let mut scopes = scope_list(&of_route.scopes, &format!("{}.scopes", place.path), &mut Faults::default());
        if behind.is_none() {
            scopes = scope_list(&own.scopes, &format!("{path}.scopes"), self.faults);
        } else {
            scopes.extend(scope_list(&own.scopes, &format!("{path}.scopes"), self.faults));
        }
        // In the order written, each once.
        let mut seen = HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        let delegation = self.delegation_of(&of_route.delegation, behind, &path);
        let client_types = own.client_types.as_ref().or(of_route.client_types.as_ref());
        let client_types: Option<Vec<_>> = client_types.map(|types| types.iter().copied().map(client_type).collect());
        let agents_call = client_types.as_ref().is_none_or(|types| types.contains(&ClientType::Agent));
        review(&scopes, &delegation, agents_call, self.names, &path, self.warnings);
        let written = own.approval.as_ref().or(of_route.approval.as_ref());
        let approval = written.map(|written| self.approval(written, place, arguments, &path));
        let demands = self.classes.of(
            &of_route,
            behind.map(|behind| behind.rule),
            approval.is_some(),
            &path,
            self.faults,
            self.warnings,
        );
        let declared = if own.arguments.is_empty() { &of_route.arguments } else { &own.arguments };
        // On a route of MCP that is told for the whole route.
        let told = behind.is_none() && place.route.matches.mcp.is_some();
        if !own.arguments.is_empty() && !arguments && !told {
            self.faults.add(format_args!("{path}.arguments"), "there are none to be seen here");
        }
        Rule {
            action: action.into(),
            scopes,
            delegation,
            client_types,
            risk: own.risk.as_deref().or(of_route.risk.as_deref()).map(Into::into),
            sender_constrained: demands.sender_constrained,
            single_use: demands.single_use,
            max_token_age: demands.max_token_age,
            step_up: demands.step_up,
            parameters: place.parameters.to_vec(),
            arguments: declared.iter().map(|(name, kind)| argument(name, *kind)).collect(),
            approval,
        }
    }

    /// Faults of the service are reported with it, and those of a route with the route.
    fn delegation_of(&mut self, route: &written::Delegation, behind: Option<&Behind<'_>>, path: &str) -> Delegation {
        let none = written::Delegation::default();
        let own = behind.map_or(route, |behind| &behind.rule.delegation);
        if *route == none && *own == none {
            return self.delegation.clone();
        }
        let merged = own.over(&route.over(&self.service.delegation));
        if *own == none {
            return delegation(&merged, path, self.names, &mut Faults::default());
        }
        delegation(&merged, path, self.names, self.faults)
    }

    fn approval(&mut self, written: &written::Approval, place: &Place<'_>, arguments: bool, path: &str) -> Approval {
        let path = format!("{path}.approval");
        if written.matches.is_empty() {
            self.faults.add(
                format_args!("{path}.match"),
                "expected at least one member: without one, an approval of anything approves everything",
            );
        }
        let mut fields = Vec::new();
        for (field, text) in &written.matches {
            let at = format!("{path}.match.{field}");
            if RESERVED_FIELDS.contains(&field.as_str()) {
                self.faults.add(&at, "is a member of every entry and compared by itself");
            }
            let source = Source::parse(text);
            match &source {
                None => self.faults.add(&at, format_args!("found `{text}`, expected `path.NAME` or `arguments.NAME`")),
                Some(Source::Path(name)) if !place.parameters.contains(name) => {
                    self.faults.add(&at, format_args!("the path has no parameter `{name}`"));
                }
                Some(Source::Argument(_)) if !arguments => {
                    self.faults.add(&at, "there are no arguments to be seen here: on a path, say `body: json`");
                }
                Some(Source::Path(_) | Source::Argument(_)) => {}
            }
            fields.extend(source.map(|source| (field.as_str().into(), source)));
        }
        Approval { kind: written.kind.as_str().into(), fields }
    }
}

fn client_type(written: written::ClientType) -> ClientType {
    match written {
        written::ClientType::Agent => ClientType::Agent,
        written::ClientType::User => ClientType::User,
        written::ClientType::Service => ClientType::Service,
    }
}

pub(super) fn argument(name: &str, written: ValueType) -> Argument {
    let (kind, optional) = match written {
        ValueType::Text => (ValueKind::Text, false),
        ValueType::Long => (ValueKind::Long, false),
        ValueType::Decimal => (ValueKind::Decimal, false),
        ValueType::Boolean => (ValueKind::Boolean, false),
        ValueType::Texts => (ValueKind::Texts, false),
        ValueType::OptionalText => (ValueKind::Text, true),
        ValueType::OptionalLong => (ValueKind::Long, true),
        ValueType::OptionalDecimal => (ValueKind::Decimal, true),
        ValueType::OptionalBoolean => (ValueKind::Boolean, true),
        ValueType::OptionalTexts => (ValueKind::Texts, true),
    };
    Argument { name: name.into(), kind, optional }
}

/// The rule for chains that `written` asks for, with the defaults.
pub(super) fn delegation(
    written: &written::Delegation,
    path: &str,
    names: &AgentNames<'_>,
    faults: &mut Faults,
) -> Delegation {
    let path = format!("{path}.delegation");
    let actors_written = written.actors.as_ref();
    let prior_written = written.prior_actors.as_ref();
    let pairs_written = written.pairs.as_ref();
    // Who lists the actors means that nobody else calls, a token without an actor included.
    let names_actors = actors_written.is_some() || pairs_written.is_some();
    let unrestricted = written.unrestricted_prior_actors.unwrap_or(false);
    if unrestricted && prior_written.is_some() {
        faults.add(&path, "`prior_actors` and `unrestricted_prior_actors` exclude each other");
    }
    let mut allowed = |listed: Option<&Vec<String>>, field: &str| match listed {
        None => Allowed::AnyAgent,
        Some(ids) => Allowed::These(
            ids.iter().filter_map(|id| names.resolve(id, format_args!("{path}.{field}"), faults)).collect(),
        ),
    };
    let actors = allowed(actors_written, "actors");
    let prior = match prior_written {
        Some(_) => allowed(prior_written, "prior_actors"),
        None => actors.clone(),
    };
    let pairs = pairs_written.map(|pairs| {
        pairs
            .iter()
            .filter_map(|pair| {
                let actor = names.resolve(&pair.actor, format_args!("{path}.pairs"), faults)?;
                let subject =
                    if pair.subject == "*" { PairSubject::Any } else { PairSubject::Is(pair.subject.as_str().into()) };
                Some(Pair { subject, actor })
            })
            .collect()
    });
    Delegation {
        max_depth: usize::from(written.max_depth.unwrap_or(DEFAULT_MAX_DEPTH)),
        require_actor: written.require_actor.unwrap_or(names_actors),
        actors,
        prior_actors: if unrestricted { PriorActors::Unrestricted } else { PriorActors::Only(prior) },
        pairs,
        bind_caller: match written.bind_caller.unwrap_or_default() {
            written::BindCaller::None => BindCaller::No,
            written::BindCaller::Spiffe => BindCaller::Spiffe,
        },
    }
}

/// What is allowed and likely a mistake.
fn review(
    scopes: &[Box<str>],
    rule: &Delegation,
    agents_call: bool,
    names: &AgentNames<'_>,
    path: &str,
    warnings: &mut Faults,
) {
    if scopes.is_empty() {
        warnings.add(format_args!("{path}.scopes"), "no scope is needed: any token for this service opens the route");
    }
    if agents_call && rule.bind_caller == BindCaller::No && names.agents.iter().any(|(_, agent)| agent.spiffe.is_some())
    {
        warnings.add(
            format_args!("{path}.delegation.bind_caller"),
            "agents have SPIFFE ids and this route does not compare them: a token stolen from one works for another",
        );
    }
    if rule.max_depth == 0 && rule.require_actor {
        warnings.add(format_args!("{path}.delegation"), "an actor is required and none is allowed: nothing can pass");
    }
    // What follows is about agents that may call.
    for (_, agent) in names.agents.iter().filter(|_| agents_call) {
        let listed = match &rule.actors {
            Allowed::AnyAgent => false,
            Allowed::These(agents) => {
                agents.iter().any(|index| names.agents.get(*index).is_some_and(|a| a.id == agent.id))
            }
        };
        if listed && rule.bind_caller == BindCaller::Spiffe && agent.spiffe.is_none() {
            warnings.add(
                format_args!("{path}.delegation.actors"),
                format_args!("`{}` has no `spiffe`, so `bind_caller` always refuses it", agent.id),
            );
        }
        let short = scopes.iter().find(|scope| !agent.ceiling.allows(scope));
        if let (true, Some(scope), Ceiling::Scopes(_)) = (listed, short, &agent.ceiling) {
            warnings.add(
                format_args!("{path}.scopes"),
                format_args!("`{scope}` is above the ceiling of `{}`, so the route always refuses it", agent.id),
            );
        }
    }
}
