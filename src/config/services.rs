//! The `services` of the configuration, with their routes and delegation rules.

use std::collections::HashSet;

use super::build::{AgentNames, scope_list};
use super::demands::Classes;
use super::faults::Faults;
use super::{resource, written};
use crate::authz::{
    Allowed, BindCaller, CanonicalPath, Ceiling, Delegation, Pair, PairSubject, PriorActors, Route, Routes, Service,
    Services,
};

/// Depth where the operator says nothing. The Actor Profile draft asks for a local maximum and
/// for at least four across domains.
const DEFAULT_MAX_DEPTH: u8 = 4;

pub(super) fn build(
    config: &written::Config,
    names: &AgentNames<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Services {
    let classes = Classes::new(config, faults);
    let mut seen = HashSet::new();
    let mut services = Vec::new();
    for (at, service) in config.services.iter().enumerate() {
        let path = format!("services[{at}]");
        if !seen.insert(service.name.as_str()) {
            faults.add(&path, format_args!("`{}` is configured twice", service.name));
        }
        services.push(one(config, service, &classes, &path, names, faults, warnings));
    }
    Services::new(services)
}

fn one(
    config: &written::Config,
    written: &written::Service,
    classes: &Classes<'_>,
    path: &str,
    names: &AgentNames<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Service {
    let agent = written.agent.as_ref().and_then(|id| names.resolve(id, format_args!("{path}.agent"), faults));
    let audiences = audiences(written, path, faults);
    let of_service = delegation(&written.delegation, &written::Delegation::default(), path, names, faults);
    let mut routes = Routes::default();
    let mut seen = HashSet::new();
    for (at, route) in written.routes.iter().enumerate() {
        let path = format!("{path}.routes[{at}]");
        if !seen.insert(route.name.as_str()) {
            faults.add(&path, format_args!("`{}` is configured twice", route.name));
        }
        let rule = if route.delegation == written::Delegation::default() {
            // Its faults were reported with the service.
            of_service.clone()
        } else {
            delegation(&written.delegation, &route.delegation, &path, names, faults)
        };
        review(route, &rule, names, &path, warnings);
        let demands = classes.of(route, &path, faults, warnings);
        let built = Route {
            name: route.name.as_str().into(),
            scopes: scope_list(&route.scopes, &format!("{path}.scopes"), faults),
            delegation: rule,
            risk: route.risk.as_deref().map(Into::into),
            sender_constrained: demands.sender_constrained,
            single_use: demands.single_use,
            max_token_age: demands.max_token_age,
            step_up: demands.step_up,
        };
        let Some(methods) = methods(&route.matches, &path, faults) else { continue };
        if check_template(&route.matches.path, &path, faults)
            && let Err(conflict) = routes.add(&methods, &route.matches.path, built)
        {
            faults.add(format_args!("{path}.match.path"), format_args!("`{}`: {}", route.matches.path, conflict.0));
        }
    }
    if written.routes.len() > 1 && written.routes.iter().any(|route| route.matches.path.contains("{*")) {
        warnings.add(
            format_args!("{path}.routes"),
            "a catch-all also takes what a service may read as another route: letter case, a trailing slash",
        );
    }
    let external_urls = resource::external_urls(written, path, faults);
    let constrained = routes.iter().any(|route| route.sender_constrained);
    if constrained && external_urls.is_empty() {
        warnings.add(
            format_args!("{path}.external_urls"),
            "without one no DPoP proof can be for this service: only tokens bound to a certificate pass",
        );
    }
    Service {
        name: written.name.as_str().into(),
        metadata: resource::metadata(config, written, path, faults),
        external_urls,
        audiences,
        single_audience: written.single_audience,
        agent,
        routes,
    }
}

fn audiences(written: &written::Service, path: &str, faults: &mut Faults) -> Vec<Box<str>> {
    let aliases =
        written.audience_aliases.iter().enumerate().map(|(at, alias)| (format!("audience_aliases[{at}]"), alias));
    let mut audiences = Vec::new();
    for (field, audience) in std::iter::once(("audience".to_owned(), &written.audience)).chain(aliases) {
        if audience.is_empty() || audience.contains('*') {
            faults.add(
                format_args!("{path}.{field}"),
                format_args!("found `{audience}`, expected an exact identifier: audiences are not patterns"),
            );
        }
        audiences.push(audience.as_str().into());
    }
    audiences
}

fn methods<'a>(matches: &'a written::Match, path: &str, faults: &mut Faults) -> Option<Vec<&'a str>> {
    let methods: Vec<&str> = match (&matches.method, &matches.methods) {
        (Some(one), None) => vec![one],
        (None, Some(several)) if !several.is_empty() => several.iter().map(String::as_str).collect(),
        (Some(_) | None, _) => {
            faults.add(format_args!("{path}.match"), "expected either `method` or a list of `methods`");
            return None;
        }
    };
    for method in &methods {
        if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') {
            // RFC 9110 section 9.1: methods are case-sensitive, and those in use are upper case.
            faults.add(
                format_args!("{path}.match"),
                format_args!("found method `{method}`, expected upper case such as `GET`"),
            );
        }
    }
    Some(methods)
}

/// A template whose literal parts could never be sent canonically would never match.
fn check_template(template: &str, path: &str, faults: &mut Faults) -> bool {
    let mut sample = String::new();
    let mut rest = template;
    while let Some((literal, behind)) = rest.split_once('{') {
        sample.push_str(literal);
        sample.push('x');
        rest = behind.split_once('}').map_or("", |(_, rest)| rest);
    }
    sample.push_str(rest);
    match CanonicalPath::parse(&sample) {
        Ok(_) => true,
        Err(ambiguous) => {
            faults.add(
                format_args!("{path}.match.path"),
                format_args!("found `{template}`, expected a canonical path template: it has {}", ambiguous.0),
            );
            false
        }
    }
}

/// The rule of a route: what it says itself, else what its service says, else the defaults.
fn delegation(
    service: &written::Delegation,
    route: &written::Delegation,
    path: &str,
    names: &AgentNames<'_>,
    faults: &mut Faults,
) -> Delegation {
    let path = format!("{path}.delegation");
    let actors_written = route.actors.as_ref().or(service.actors.as_ref());
    let prior_written = route.prior_actors.as_ref().or(service.prior_actors.as_ref());
    let pairs_written = route.pairs.as_ref().or(service.pairs.as_ref());
    // Who lists the actors means that nobody else calls, a token without an actor included.
    let names_actors = actors_written.is_some() || pairs_written.is_some();
    let unrestricted = route.unrestricted_prior_actors.or(service.unrestricted_prior_actors).unwrap_or(false);
    if unrestricted && prior_written.is_some() {
        faults.add(&path, "`prior_actors` and `unrestricted_prior_actors` exclude each other");
    }
    let mut allowed = |written: Option<&Vec<String>>, field: &str| match written {
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
        max_depth: usize::from(route.max_depth.or(service.max_depth).unwrap_or(DEFAULT_MAX_DEPTH)),
        require_actor: route.require_actor.or(service.require_actor).unwrap_or(names_actors),
        actors,
        prior_actors: if unrestricted { PriorActors::Unrestricted } else { PriorActors::Only(prior) },
        pairs,
        bind_caller: match route.bind_caller.or(service.bind_caller).unwrap_or_default() {
            written::BindCaller::None => BindCaller::No,
            written::BindCaller::Spiffe => BindCaller::Spiffe,
        },
    }
}

/// What is allowed and likely a mistake.
fn review(route: &written::Route, rule: &Delegation, names: &AgentNames<'_>, path: &str, warnings: &mut Faults) {
    if route.scopes.is_empty() {
        warnings.add(format_args!("{path}.scopes"), "no scope is needed: any token for this service opens the route");
    }
    if rule.bind_caller == BindCaller::No && names.agents.iter().any(|(_, agent)| agent.spiffe.is_some()) {
        warnings.add(
            format_args!("{path}.delegation.bind_caller"),
            "agents have SPIFFE ids and this route does not compare them: a token stolen from one works for another",
        );
    }
    if rule.max_depth == 0 && rule.require_actor {
        warnings.add(format_args!("{path}.delegation"), "an actor is required and none is allowed: nothing can pass");
    }
    for (_, agent) in names.agents.iter() {
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
        let short = route.scopes.iter().find(|scope| !agent.ceiling.allows(scope));
        if let (true, Some(scope), Ceiling::Scopes(_)) = (listed, short, &agent.ceiling) {
            warnings.add(
                format_args!("{path}.scopes"),
                format_args!("`{scope}` is above the ceiling of `{}`, so the route always refuses it", agent.id),
            );
        }
    }
}
