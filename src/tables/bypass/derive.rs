//! A good call made up from the configuration, where no table has one.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::super::case::Case;
use super::super::expect::Expected;
use super::super::run::Bench;
use super::super::written::{A2a, Bound, Mcp, OneOrMany, Request, Token};
use super::good::{Good, Refused};
use crate::audit::Decided;
use crate::authz::{
    Allowed, Issuer, PairSubject, Place, Reason, Route, Rule, ScopeClaim, Service, Source, Speaks, ValueKind, a2a, mcp,
};

/// Most calls that are tried for one rule.
const ATTEMPTS: usize = 300;
/// A person, and her client that is no agent.
const PERSON: (&str, &str) = ("alice", "console");

/// Who could call.
struct Caller {
    act: Option<Value>,
    client: String,
    peer: Option<String>,
}

/// With a token of `issuer`.
pub(super) fn derived(
    bench: &Bench<'_>,
    issuer: &Issuer,
    service: &Service,
    route: &Route,
    places: &[Place<'_>],
    rule: &Rule,
) -> Result<Good, String> {
    let request =
        request(service, route, places, rule).ok_or("its request can't be made up: give a case that is allowed")?;
    let mut best: Option<Reason> = None;
    let mut attempts = 0_usize;
    for caller in callers(bench, issuer, rule) {
        for subject in subjects(rule, &caller) {
            attempts = attempts.saturating_add(1);
            if attempts > ATTEMPTS {
                break;
            }
            match attempt(bench, case(bench, service, issuer, rule, &caller, &subject, &request)) {
                Ok(good) => return Ok(good),
                Err(Refused::Broken(error)) => return Err(error),
                Err(Refused::Ruled(ruling)) => best = further(best, reason(ruling.decided)),
            }
        }
    }
    let refused = best.map_or(String::new(), |reason| format!(", the best was refused: {}", reason.code()));
    Err(format!("no call of it could be made up that is allowed{refused}; give a case that is"))
}

/// The refusal that came later in the order of the checks.
fn further(best: Option<Reason>, other: Option<Reason>) -> Option<Reason> {
    match (best, other) {
        (Some(best), Some(other)) if (best.check() as usize) >= (other.check() as usize) => Some(best),
        (best, None) => best,
        (_, Some(other)) => Some(other),
    }
}

/// Tries `case`, and once more with the approval that it turns out to need.
fn attempt(bench: &Bench<'_>, mut case: Case) -> Result<Good, Refused> {
    let tried = |case: &Case| Good::of(bench, case, Path::new(""), "made up".to_owned());
    let ruling = match tried(&case) {
        Err(Refused::Ruled(ruling)) => ruling,
        other => return other,
    };
    match (&ruling.findings.approval, &mut case.token) {
        (Some(wanted), Some(token)) => {
            token.claims.insert("authorization_details".to_owned(), json!([wanted]));
            tried(&case)
        }
        (_, _) => Err(Refused::Ruled(ruling)),
    }
}

fn reason(decided: Decided) -> Option<Reason> {
    match decided {
        Decided::Refused(reason) => Some(reason),
        Decided::Allowed | Decided::Answered => None,
    }
}

fn case(
    bench: &Bench<'_>,
    service: &Service,
    issuer: &Issuer,
    rule: &Rule,
    caller: &Caller,
    subject: &str,
    request: &Request,
) -> Case {
    let scope_claim = match issuer.shape.scope_claim {
        ScopeClaim::Scope => "scope",
        ScopeClaim::Scp => "scp",
    };
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    put("sub", json!(subject));
    put("client_id", json!(caller.client));
    put(scope_claim, json!(rule.scopes.join(" ")));
    put("auth_time", json!("now"));
    if let Some(acr) = rule.step_up.as_ref().and_then(|step_up| step_up.acr_values.first()) {
        put("acr", json!(acr));
    }
    if let Some(act) = &caller.act {
        put("act", act.clone());
    }
    let mut bound = Vec::new();
    if rule.sender_constrained {
        bound.push(if service.external_urls.is_empty() { Bound::Certificate } else { Bound::Dpop });
    }
    let certificate = bound.contains(&Bound::Certificate).then(|| "caller".to_owned());
    Case {
        name: rule.action.as_ref().to_owned(),
        line: None,
        at: bench.now(),
        request: Request { peer: caller.peer.clone(), certificate, ..request.clone() },
        token: Some(Token { issuer: Some(issuer.name.as_ref().to_owned()), claims, bound, ..Token::default() }),
        proof: None,
        expect: Expected::allow(),
        then: None,
        times: 1,
    }
}

fn callers(bench: &Bench<'_>, issuer: &Issuer, rule: &Rule) -> Vec<Caller> {
    let agents = || bench.settings().agents.iter().filter(|(_, agent)| agent.issuer == issuer.name);
    let peer = |agent: &crate::authz::Agent| agent.spiffe.as_ref().map(|id| id.as_str().to_owned());
    let mut callers = Vec::new();
    if rule.delegation.max_depth > 0 {
        let may = agents().filter(|(index, _)| match &rule.delegation.actors {
            Allowed::AnyAgent => true,
            Allowed::These(listed) => listed.contains(index),
        });
        callers.extend(may.map(|(_, agent)| {
            let act = if agent.act_issuer == issuer.name {
                json!({ "sub": agent.subject })
            } else {
                json!({ "sub": agent.subject, "iss": agent.act_issuer })
            };
            Caller { act: Some(act), client: agent.subject.as_ref().to_owned(), peer: peer(agent) }
        }));
    }
    if !rule.delegation.require_actor {
        let own = agents().filter(|(_, agent)| agent.act_issuer == issuer.name);
        callers.extend(own.map(|(_, agent)| Caller {
            act: None,
            client: agent.subject.as_ref().to_owned(),
            peer: peer(agent),
        }));
        let people = [PERSON.1, PERSON.0].map(|client| Caller { act: None, client: client.to_owned(), peer: None });
        callers.extend(people);
    }
    callers
}

fn subjects(rule: &Rule, caller: &Caller) -> Vec<String> {
    let pairs = rule.delegation.pairs.iter().flatten().filter_map(|pair| match &pair.subject {
        PairSubject::Is(name) => Some(name.as_ref().to_owned()),
        PairSubject::Any => None,
    });
    pairs.chain([PERSON.0.to_owned(), caller.client.clone()]).collect()
}

/// A call that asks for what `rule` is about.
fn request(service: &Service, route: &Route, places: &[Place<'_>], rule: &Rule) -> Option<Request> {
    let first = places.first()?;
    let at = |request: Request| Request {
        service: Some(service.name.as_ref().to_owned()),
        method: Some(first.method.to_owned()),
        path: Some(filled(first.template)),
        ..request
    };
    let own = format!("{}/{}/", service.name, route.name);
    match &route.speaks {
        Speaks::Public => None,
        Speaks::Http { json: false, .. } => Some(at(Request::default())),
        Speaks::Http { json: true, .. } => {
            Some(at(Request { json: Some(Value::Object(arguments(rule))), ..Request::default() }))
        }
        Speaks::Grpc(_) => {
            let headers = [("content-type", "application/grpc"), ("te", "trailers")];
            let headers = headers.map(|(name, value)| (name.to_owned(), OneOrMany::One(value.to_owned())));
            Some(at(Request { headers: BTreeMap::from(headers), ..Request::default() }))
        }
        Speaks::Mcp(server) => {
            let mcp = of_mcp(server, rule.action.strip_prefix(&own)?, rule)?;
            let path = places.iter().find(|place| place.method == "POST")?.template;
            let request = at(Request { mcp: Some(mcp), ..Request::default() });
            Some(Request { method: Some("POST".to_owned()), path: Some(filled(path)), ..request })
        }
        Speaks::A2a(agent) => {
            let method = closest(rule.action.strip_prefix(&own)?.strip_prefix("methods/")?, a2a_methods().as_slice())?;
            let newest = agent.versions.contains(&a2a::Version::V10);
            let path = agent.json_rpc.as_deref().filter(|_| newest)?;
            let mut params = arguments(rule);
            if method.contains("Task") {
                params.entry("id").or_insert_with(|| json!("1"));
            }
            let call = A2a { version: None, method, params };
            let request = at(Request { a2a: Some(call), ..Request::default() });
            Some(Request { method: Some("POST".to_owned()), path: Some(filled(path)), ..request })
        }
    }
}

fn of_mcp(server: &mcp::Mcp, behind: &str, rule: &Rule) -> Option<Mcp> {
    let newest = *server.revisions.iter().max()?;
    let revision = Some(newest.name().to_owned());
    let call = |method: &str, params: Map<String, Value>| {
        Some(Mcp { revision: revision.clone(), method: Some(method.to_owned()), params, ..Mcp::default() })
    };
    let named = |member: &str, name: &str| Map::from_iter([(member.to_owned(), json!(name.replace('*', "x")))]);
    let is_newest = newest == mcp::Revision::R20260728;
    match behind.split_once('/') {
        None => call(if is_newest { "server/discover" } else { "ping" }, Map::new()),
        Some(("tools", name)) => {
            let arguments = Some(arguments(rule));
            Some(Mcp { revision, tool: Some(name.replace('*', "x")), arguments, ..Mcp::default() })
        }
        Some(("prompts", name)) => {
            let mut params = named("name", name);
            params.insert("arguments".to_owned(), Value::Object(arguments(rule)));
            call("prompts/get", params)
        }
        Some(("resources", uri)) => call("resources/read", named("uri", uri)),
        Some(("methods", name)) => {
            let posted: Vec<_> =
                mcp::METHODS.into_iter().filter(|method| method.contains('/') || *method == "ping").collect();
            let method = closest(name, &posted)?;
            let params = if method.starts_with("tasks/") { named("taskId", "1") } else { Map::new() };
            call(&method, params)
        }
        Some(_) => None,
    }
}

fn a2a_methods() -> Vec<&'static str> {
    a2a::operations().collect()
}

/// `pattern` itself, or the first of `known` that it takes.
fn closest(pattern: &str, known: &[&str]) -> Option<String> {
    let Some((before, behind)) = pattern.split_once('*') else {
        return known.contains(&pattern).then(|| pattern.to_owned());
    };
    let fits = |name: &&&str| name.starts_with(before) && name.ends_with(behind);
    known.iter().find(fits).map(|name| (*name).to_owned())
}

/// `template` with a value for each parameter.
fn filled(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((literal, behind)) = rest.split_once('{') {
        path.push_str(literal);
        path.push('1');
        rest = behind.split_once('}').map_or("", |(_, behind)| behind);
    }
    path.push_str(rest);
    path
}

/// What `rule` declares, and what its approval is about.
fn arguments(rule: &Rule) -> Map<String, Value> {
    let mut arguments: Map<String, Value> = rule
        .arguments
        .iter()
        .map(|argument| {
            let value = match argument.kind {
                ValueKind::Text => json!("1"),
                ValueKind::Long => json!(1),
                ValueKind::Decimal => json!(1.5),
                ValueKind::Boolean => json!(true),
                ValueKind::Texts => json!(["1"]),
            };
            (argument.name.as_ref().to_owned(), value)
        })
        .collect();
    for (_, source) in rule.approval.iter().flat_map(|approval| &approval.fields) {
        let Source::Argument(names) = source else { continue };
        let Some((first, deeper)) = names.split_first() else { continue };
        let value = deeper.iter().rev().fold(json!("1"), |value, name| json!({ name.as_ref(): value }));
        arguments.entry(first.as_ref()).or_insert(value);
    }
    arguments
}
