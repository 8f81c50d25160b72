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
