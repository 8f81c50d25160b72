//! A good call for each rule, to be changed in one thing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::super::case::Case;
use super::super::coverage::Coverage;
use super::super::request;
use super::super::run::{Bench, Outcome, Table};
use super::super::written::{Bound, OneOrMany, Request};
use super::derive;
use crate::audit::Decided;
use crate::authz::{Issuer, Protocol, Route, Rule, Service, Speaks};
use crate::offline::Ruling;
use crate::replay::MemoryStore;

/// A call that is allowed.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) rule: Arc<Rule>,
    pub(super) service: Arc<Service>,
    pub(super) protocol: Protocol,
    /// Its body decides.
    pub(super) reads_body: bool,
    /// With its body as text, and every header that belongs to it written out.
    pub(super) case: Case,
    /// The same with a token that is bound to a key, where that is allowed, too.
    pub(super) proven: Option<Case>,
    /// The same with a token that is bound to a certificate.
    pub(super) certified: Option<Case>,
    /// Of its files.
    pub(super) folder: PathBuf,
    /// For people.
    pub(super) source: String,
}

/// Rules without a good call, and why.
type Without = Vec<(String, String)>;

/// The good calls of each rule, one with a token of each issuer: of the first case of `tables` that is allowed by it, or
/// made up.
pub(super) fn find(bench: &Bench<'_>, tables: &[Table]) -> (Vec<Good>, Without) {
    let mut goods = Vec::new();
    let mut without = Without::new();
    let written = of_tables(bench, tables);
    for service in bench.settings().services.iter() {
        for (route, places) in service.routes.placed() {
            if matches!(route.speaks, Speaks::Public) {
                without.push((name_of(service, route), "it is open to everybody (`public`)".to_owned()));
            }
            for rule in route.speaks.rules() {
                for issuer in bench.issuers() {
                    let is_its = |good: &&Good| good.rule.action == rule.action && good.is_of(bench, issuer);
                    let found = match written.iter().find(is_its) {
                        Some(good) => Ok(good.clone()),
                        None => derive::derived(bench, issuer, service, route, &places, rule),
                    };
                    match found {
                        Ok(good) => goods.push(good),
                        Err(why) => without.push((named(bench, rule, issuer), why)),
                    }
                }
            }
        }
    }
    (goods, without)
}

/// What `rule` is called, with the issuer where there are several.
pub(super) fn named(bench: &Bench<'_>, rule: &Rule, issuer: &Issuer) -> String {
    let several = bench.issuers().nth(1).is_some();
    let by = if several { format!(" by {}", issuer.name) } else { String::new() };
    format!("{}{by}", rule.action)
}

fn name_of(service: &Service, route: &Route) -> String {
    format!("{}/{}", service.name, route.name)
}

/// The cases that are allowed as they expect, and have a token that nothing was done to.
fn of_tables(bench: &Bench<'_>, tables: &[Table]) -> Vec<Good> {
    let mut goods: Vec<Good> = Vec::new();
    for table in tables {
        let folder = table.file.parent().unwrap_or(Path::new(""));
        for case in &table.cases {
            let plain = case.token.as_ref().is_some_and(|token| token.raw.is_none());
            // A case that fails is told of as such, and is no good call.
            let passes = matches!(bench.run(case, folder, &mut Coverage::of(bench.settings())), Outcome::Passed);
            if !plain || !passes {
                continue;
            }
            let line = case.line.map_or(String::new(), |line| format!(":{line}"));
            let source = format!("{}{line}", table.file.display());
            let Ok(good) = Good::of(bench, case, folder, source) else { continue };
            let issuer = good.issuer(bench);
            let is_known = |known: &Good| {
                known.rule.action == good.rule.action && issuer.is_some_and(|issuer| known.is_of(bench, issuer))
            };
            if !goods.iter().any(is_known) {
                goods.push(good);
            }
        }
    }
    goods
}

impl Good {
    /// `case`, if it is allowed and nothing would have refused it.
    ///
    /// # Errors
    /// The ruling, where it is not; its words where there is none.
    pub(super) fn of(bench: &Bench<'_>, case: &Case, folder: &Path, source: String) -> Result<Self, Refused> {
        let call = bench.call(case, folder).map_err(Refused::Broken)?;
        let ruling = bench.decide(&call, &MemoryStore::new(16, None), case.at).map_err(Refused::Broken)?;
        let clean = ruling.decided == Decided::Allowed && ruling.trail.would_refuse().next().is_none();
        let findings = &ruling.findings;
        let (true, Some(rule), Some(service)) = (clean, &findings.rule, &findings.service) else {
            return Err(Refused::Ruled(Box::new(ruling)));
        };
        let plain = Case { request: plain(bench, &case.request), ..case.clone() };
        let to = |bound| bound_to(bound, &plain).filter(|bound| is_allowed(bench, bound, folder));
        Ok(Self {
            rule: Arc::clone(rule),
            proven: to(Bound::Dpop),
            certified: to(Bound::Certificate),
            service: Arc::clone(service),
            reads_body: findings.route.as_ref().is_some_and(|route| match &route.speaks {
                Speaks::Http { json, .. } => *json,
                Speaks::Mcp(_) | Speaks::A2a(_) => call.body.is_some(),
                Speaks::Public | Speaks::Grpc(_) => false,
            }),
            protocol: findings.operation.as_ref().map_or(Protocol::Http, |operation| operation.protocol),
            case: plain,
            folder: folder.to_owned(),
            source,
        })
    }

    /// The body as JSON, if it is.
    pub(super) fn body(&self) -> Option<Value> {
        self.case.request.body.as_deref().and_then(|body| serde_json::from_str(body).ok())
    }

    fn is_of(&self, bench: &Bench<'_>, issuer: &Issuer) -> bool {
        self.issuer(bench).is_some_and(|own| own.name == issuer.name)
    }

    pub(super) fn issuer<'b>(&self, bench: &Bench<'b>) -> Option<&'b Issuer> {
        let named = self.case.token.as_ref().and_then(|token| token.issuer.as_deref());
        bench.issuers().find(|issuer| named.is_none_or(|name| issuer.name.as_ref() == name))
    }
}

fn is_allowed(bench: &Bench<'_>, case: &Case, folder: &Path) -> bool {
    let ruling = bench.call(case, folder).and_then(|call| bench.decide(&call, &MemoryStore::new(16, None), case.at));
    ruling.is_ok_and(|ruling| ruling.decided == Decided::Allowed && ruling.trail.would_refuse().next().is_none())
}

/// `case` with a token that is bound in this way and in no other.
fn bound_to(bound: Bound, case: &Case) -> Option<Case> {
    let mut case = case.clone();
    let token = case.token.as_mut()?;
    if token.bound == [bound] {
        return Some(case);
    }
    token.bound = vec![bound];
    token.claims.remove("cnf");
    case.proof = None;
    case.request.headers.remove("authorization");
    case.request.headers.remove("dpop");
    if bound == Bound::Certificate {
        case.request.certificate.get_or_insert_with(|| "caller".to_owned());
    }
    Some(case)
}

/// Why a case is no good call.
#[derive(Debug)]
pub(super) enum Refused {
    Ruled(Box<Ruling>),
    Broken(String),
}

/// `request` with all that is implied written out.
fn plain(bench: &Bench<'_>, request: &Request) -> Request {
    let call = request::call(request, bench.settings(), String::new());
    let mut headers = std::collections::BTreeMap::new();
    for (name, value) in call.headers {
        let OneOrMany::Many(values) = headers.entry(name).or_insert_with(|| OneOrMany::Many(Vec::new())) else {
            continue;
        };
        values.push(value);
    }
    Request {
        service: call.service,
        method: Some(call.method),
        path: Some(call.path),
        headers,
        body: call.body.and_then(|body| String::from_utf8(body).ok()),
        json: None,
        mcp: None,
        a2a: None,
        peer: Some(call.peer).filter(|peer| !peer.is_empty()),
        certificate: request.certificate.clone(),
    }
}
