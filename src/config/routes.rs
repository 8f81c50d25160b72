//! The routes of a service: where they are, what they speak, and the rules behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::build::scope_list;
use super::faults::Faults;
use super::rules::{Behind, Place, Rules};
use super::written;
use crate::authz::{
    A2a, CanonicalPath, Mcp, PatternError, Patterns, Place as RoutePlace, Route, Routes, Rule, Speaks, a2a, mcp,
};

/// A route's places, and what it speaks there.
struct Built {
    places: Vec<(String, String)>,
    speaks: Speaks,
}

/// Builds `route` and adds it; with a fault, it is left out.
pub(super) fn add(route: &written::Route, path: &str, rules: &mut Rules<'_>, routes: &mut Routes) {
    let matches = &route.matches;
    let built = match (&matches.path, &matches.grpc, &matches.mcp, &matches.a2a) {
        (Some(template), None, None, None) => http(route, template, path, rules),
        (None, Some(method), None, None) => grpc(route, method, path, rules),
        (None, None, Some(mcp), None) => self::mcp(route, mcp, path, rules),
        (None, None, None, Some(a2a)) => Some(self::a2a(route, a2a, path, rules)),
        (_, _, _, _) => {
            rules.faults.add(format_args!("{path}.match"), "expected one of `path`, `grpc`, `mcp` and `a2a`");
            return;
        }
    };
    if matches.path.is_none() && (matches.method.is_some() || matches.methods.is_some()) {
        rules.faults.add(format_args!("{path}.match"), "`method` and `methods` go with `path` only");
    }
    check_fields(route, path, rules.faults);
    let Some(Built { places, speaks }) = built else { return };
    let places: Vec<_> = places.iter().map(|(method, template)| RoutePlace { method, template }).collect();
    if let Err(conflict) = routes.add(&places, Route { name: route.name.as_str().into(), speaks }) {
        rules.faults.add(format_args!("{path}.match"), conflict.0);
    }
}

/// Fields that mean something on other kinds of route only.
fn check_fields(route: &written::Route, path: &str, faults: &mut Faults) {
    let matches = &route.matches;
    let (mcp, a2a) = (matches.mcp.is_some(), matches.a2a.is_some());
    let misplaced = [
        ("methods", !route.methods.is_empty() && !mcp && !a2a),
        ("tools", !route.tools.is_empty() && !mcp),
        ("resources", !route.resources.is_empty() && !mcp),
        ("prompts", !route.prompts.is_empty() && !mcp),
        ("body", route.body.is_some() && matches.path.is_none()),
        ("public", route.public && matches.path.is_none()),
    ];
    for (field, _) in misplaced.into_iter().filter(|(_, misplaced)| *misplaced) {
        faults.add(format_args!("{path}.{field}"), "means nothing on this kind of route");
    }
}

fn http(route: &written::Route, template: &str, path: &str, rules: &mut Rules<'_>) -> Option<Built> {
    let parameters = parameters(template);
    let place = Place { route, path, parameters: &parameters };
    let json = route.body.is_some();
    let methods = methods(&route.matches, path, rules.faults)?;
    let speaks = if route.public {
        if json
            || route.rule() != written::Rule::default()
            || methods.iter().any(|method| !matches!(*method, "GET" | "HEAD"))
        {
            rules.faults.add(
                format_args!("{path}.public"),
                "goes with `GET` and `HEAD`, and with nothing that is asked for: without a token there is nobody to ask",
            );
        }
        Speaks::Public
    } else {
        Speaks::Http { rule: Arc::new(rules.build(&place, None, json)), json }
    };
    if !check_template(template, &format!("{path}.match.path"), rules.faults) {
        return None;
    }
    Some(Built { places: methods.into_iter().map(|method| (method.to_owned(), template.to_owned())).collect(), speaks })
}

fn grpc(route: &written::Route, method: &str, path: &str, rules: &mut Rules<'_>) -> Option<Built> {
    let place = Place { route, path, parameters: &[] };
    let rule = rules.build(&place, None, false);
    let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match method.split_once('/') {
        Some((service, called)) if service.split('.').all(name) && (called == "*" || name(called)) => {
            let called = if called == "*" { "{method}" } else { called };
            let template = format!("/{service}/{called}");
            Some(Built { places: vec![("POST".to_owned(), template)], speaks: Speaks::Grpc(Arc::new(rule)) })
        }
        Some(_) | None => {
            rules.faults.add(
                format_args!("{path}.match.grpc"),
                format_args!("found `{method}`, expected a full method name such as `invoices.v1.Invoices/Refund`"),
            );
            None
        }
    }
}

fn mcp(route: &written::Route, matches: &written::McpMatch, path: &str, rules: &mut Rules<'_>) -> Option<Built> {
    let parameters = parameters(&matches.path);
    let place = Place { route, path, parameters: &parameters };
    for name in route.methods.keys() {
        let known = mcp::METHODS.iter().any(|method| method == name);
        if mcp::NAMED.contains(&name.as_str()) {
            rules
                .faults
                .add(format_args!("{path}.methods.{name}"), "has rules by name: `tools`, `resources` or `prompts`");
        } else if name.contains('*') && !stands_for_any(name, &mcp::METHODS) {
            rules.faults.add(format_args!("{path}.methods.{name}"), "takes no method of MCP");
        } else if !known && mcp::METHODS.iter().any(|method| method.eq_ignore_ascii_case(name)) {
            rules.faults.add(format_args!("{path}.methods.{name}"), "differs from a method of MCP only in letter case");
        }
    }
    let revisions = matches.revisions.as_ref().map_or_else(
        || mcp::Revision::ALL.to_vec(),
        |written| written.iter().map(|revision| self::revision(*revision)).collect(),
    );
    for name in route.resources.keys().filter(|name| leaves_the_authority_open(name)) {
        let message = "a star within the authority also takes those of others";
        rules.faults.add(format_args!("{path}.resources.{name}"), message);
    }
    let connection = rules.build(&place, None, false);
    // The route's own name is that of all its actions.
    // A token that is good for once is not used up by opening a connection.
    let action = format!("{}/connection", connection.action).into();
    let connection = Rule { action, single_use: false, ..connection };
    if route.approval.is_some() || !route.arguments.is_empty() {
        rules.faults.add(path, "`approval` and `arguments` belong to a tool or prompt of it");
    }
    if [&route.methods, &route.tools, &route.resources, &route.prompts].iter().all(|rules| rules.is_empty()) {
        rules.warnings.add(path, "allows no tool, resource, prompt or method: nothing may be called");
    }
    let speaks = Mcp {
        revisions,
        connection: Arc::new(connection),
        methods: patterns(&place, "methods", &route.methods, false, rules),
        tools: patterns(&place, "tools", &route.tools, true, rules),
        resources: patterns(&place, "resources", &route.resources, false, rules),
        prompts: patterns(&place, "prompts", &route.prompts, true, rules),
    };
    if !check_template(&matches.path, &format!("{path}.match.mcp.path"), rules.faults) {
        return None;
    }
    let places = ["POST", "GET", "DELETE"].map(|method| (method.to_owned(), matches.path.clone()));
    Some(Built { places: places.to_vec(), speaks: Speaks::Mcp(Box::new(speaks)) })
}

fn version(written: written::A2aVersion) -> a2a::Version {
    match written {
        written::A2aVersion::V03 => a2a::Version::V03,
        written::A2aVersion::V10 => a2a::Version::V10,
    }
}

fn revision(written: written::McpRevision) -> mcp::Revision {
    match written {
        written::McpRevision::R20250618 => mcp::Revision::R20250618,
        written::McpRevision::R20251125 => mcp::Revision::R20251125,
        written::McpRevision::R20260728 => mcp::Revision::R20260728,
    }
}

fn a2a(route: &written::Route, matches: &written::A2aMatch, path: &str, rules: &mut Rules<'_>) -> Built {
    let place = Place { route, path, parameters: &[] };
    let at = format!("{path}.match.a2a");
    let mut places = Vec::new();
    if let Some(json_rpc) = &matches.json_rpc
        && check_plain(json_rpc, &format!("{at}.json_rpc"), rules.faults)
    {
        places.push(("POST".to_owned(), json_rpc.clone()));
    }
    let rest = matches.rest.as_ref().filter(|rest| check_plain(rest, &format!("{at}.rest"), rules.faults));
    let rest = rest.map(|prefix| prefix.trim_end_matches('/'));
    if let Some(prefix) = rest {
        let template = format!("{prefix}/{{*operation}}");
        places.extend(a2a::REST_METHODS.map(|method| (method.to_owned(), template.clone())));
    }
    if matches.grpc {
        places.extend(a2a::GRPC_SERVICES.map(|service| ("POST".to_owned(), format!("/{service}/{{operation}}"))));
        if matches.tenants != ["*"] {
            rules.faults.add(
                format_args!("{at}.tenants"),
                "expected `[\"*\"]`: over gRPC the tenant is in a message that is not read, so none can be refused",
            );
        }
    }
    if matches.json_rpc.is_none() && matches.rest.is_none() && !matches.grpc {
        rules.faults.add(&at, "expected at least one of `json_rpc`, `rest` and `grpc`");
    }
    let known: Vec<_> = a2a::operations().collect();
    for name in route.methods.keys().filter(|name| !stands_for_any(name, &known)) {
        rules.faults.add(
            format_args!("{path}.methods.{name}"),
            format_args!("takes no operation of A2A 1.0, which are {}", known.join(", ")),
        );
    }
    let tenants = match matches.tenants.as_slice() {
        [any] if any == "*" => a2a::Tenants::Any,
        these if these.iter().any(|tenant| tenant.is_empty() || tenant.contains(['*', '/'])) => {
            rules.faults.add(format_args!("{at}.tenants"), "expected names of tenants, or `[\"*\"]` for all");
            a2a::Tenants::These(Vec::new())
        }
        these => a2a::Tenants::These(these.iter().map(|tenant| tenant.as_str().into()).collect()),
    };
    let versions = matches.versions.as_ref().map_or_else(
        || a2a::Version::ALL.to_vec(),
        |written| written.iter().map(|version| self::version(*version)).collect(),
    );
    let speaks = A2a {
        json_rpc: matches.json_rpc.as_deref().map(Into::into),
        rest: rest.map(Into::into),
        grpc: matches.grpc,
        versions,
        scopes: scope_list(&route.scopes, &format!("{path}.scopes"), &mut Faults::default()),
        tenants,
        methods: patterns(&place, "methods", &route.methods, true, rules),
    };
    if route.methods.is_empty() {
        rules.faults.add(format_args!("{path}.methods"), "is missing: nothing may be called");
    }
    Built { places, speaks: Speaks::A2a(Box::new(speaks)) }
}

/// The rules of one field, by name or pattern.
fn patterns(
    place: &Place<'_>,
    field: &'static str,
    written: &BTreeMap<String, written::Rule>,
    arguments: bool,
    rules: &mut Rules<'_>,
) -> Patterns<Arc<Rule>> {
    let mut patterns = Patterns::default();
    for (name, rule) in written {
        let built = rules.build(place, Some(&Behind { field, name, rule }), arguments);
        let message = match patterns.add(name, Arc::new(built)) {
            Ok(()) => continue,
            Err(PatternError::Empty) => "expected a name".to_owned(),
            Err(PatternError::MoreThanOneStar) => "expected one star at most".to_owned(),
            Err(PatternError::Overlaps(other)) => {
                format!("`{other}` takes some of the same names, and neither is closer")
            }
        };
        rules.faults.add(format_args!("{}.{field}.{name}", place.path), message);
    }
    if written.contains_key("*") {
        rules.warnings.add(format_args!("{}.{field}.*", place.path), "takes also what nobody knows of today");
    }
    patterns
}

/// Whether `pattern` takes one of `names`.
fn stands_for_any(pattern: &str, names: &[&str]) -> bool {
    let takes = |name: &str| match pattern.split_once('*') {
        None => name == pattern,
        Some((before, behind)) => name.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind)),
    };
    names.iter().any(|name| takes(name))
}

/// Whether the star of a URI's pattern stands in its authority beside something else: it would also
/// take an authority of somebody else.
fn leaves_the_authority_open(pattern: &str) -> bool {
    pattern.split_once('*').is_some_and(|(before, behind)| {
        let authority = before.split_once("//").map(|(_, rest)| rest);
        authority.is_some_and(|rest| !(rest.contains('/') || rest.is_empty() && behind.is_empty()))
    })
}

/// The names of a template's parameters.
fn parameters(template: &str) -> Vec<Box<str>> {
    let names = template.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    names.map(|(name, _)| name.trim_start_matches('*').into()).collect()
}

/// A path that is no template.
fn check_plain(text: &str, path: &str, faults: &mut Faults) -> bool {
    if text.contains(['{', '}']) {
        faults.add(path, format_args!("found `{text}`, expected a path without parameters"));
        return false;
    }
    check_template(text, path, faults)
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
    let names = parameters(template);
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|other| other == *name))
    {
        faults.add(path, format_args!("found `{template}`: `{}` is there twice", twice.1));
        return false;
    }
    match CanonicalPath::parse(&sample) {
        Ok(_) => true,
        Err(ambiguous) => {
            faults.add(
                path,
                format_args!("found `{template}`, expected a canonical path template: it has {}", ambiguous.0),
            );
            false
        }
    }
}
