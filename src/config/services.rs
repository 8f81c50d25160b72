//! The `services` of the configuration, each with its routes.

use std::collections::HashSet;

use super::build::AgentNames;
use super::demands::Classes;
use super::faults::Faults;
use super::rules::Rules;
use super::{resource, routes, rules, written};
use crate::authz::{Routes, Service, Services};

pub(super) fn build(
    config: &written::Config,
    names: &AgentNames<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Services {
    let classes = Classes::new(config, faults, warnings);
    let mut seen = HashSet::new();
    let mut services = Vec::new();
    for (at, service) in config.services.iter().enumerate() {
        let path = format!("services[{at}]");
        if !seen.insert(service.name.as_str()) {
            faults.add(&path, format_args!("`{}` is configured twice", service.name));
        }
        let others = config.services.get(..at).unwrap_or_default();
        for (field, audience) in named(service) {
            if let Some(other) = others.iter().find(|other| named(other).any(|(_, named)| named == audience)) {
                warnings.add(
                    format_args!("{path}.{field}"),
                    format_args!("is an audience of `{}` as well: tokens for one open the other", other.name),
                );
            }
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
    let delegation = rules::delegation(&written.delegation, path, names, faults);
    let mut rules = Rules { service: written, delegation, classes, names, faults, warnings };
    let mut routes = Routes::default();
    let mut seen = HashSet::new();
    for (at, route) in written.routes.iter().enumerate() {
        let path = format!("{path}.routes[{at}]");
        if !seen.insert(route.name.as_str()) {
            rules.faults.add(&path, format_args!("`{}` is configured twice", route.name));
        }
        routes::add(route, &path, &mut rules, &mut routes);
    }
    let catches_all = |route: &written::Route| route.matches.path.as_ref().is_some_and(|path| path.contains("{*"));
    if written.routes.len() > 1 && written.routes.iter().any(catches_all) {
        warnings.add(
            format_args!("{path}.routes"),
            "a catch-all also takes what a service may read as another route: letter case, a trailing slash",
        );
    }
    let external_urls = resource::external_urls(written, path, faults);
    let constrained = routes.iter().any(|route| route.speaks.rules().into_iter().any(|rule| rule.sender_constrained));
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

/// What tokens may call it, and where that stands.
fn named(written: &written::Service) -> impl Iterator<Item = (String, &str)> {
    let aliases = written.audience_aliases.iter().enumerate();
    let aliases = aliases.map(|(at, alias)| (format!("audience_aliases[{at}]"), alias.as_str()));
    std::iter::once(("audience".to_owned(), written.audience.as_str())).chain(aliases)
}

fn audiences(written: &written::Service, path: &str, faults: &mut Faults) -> Vec<Box<str>> {
    let mut audiences = Vec::new();
    for (field, audience) in named(written) {
        if audience.is_empty() || audience.contains('*') {
            faults.add(
                format_args!("{path}.{field}"),
                format_args!("found `{audience}`, expected an exact identifier: audiences are not patterns"),
            );
        }
        audiences.push(audience.into());
    }
    audiences
}
