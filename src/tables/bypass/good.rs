//! A good call for each rule, to be changed in one thing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::super::case::Case;
use super::super::coverage::Coverage;
use super::super::request;
use super::super::run::{Bench, Outcome, Table};
use super::super::written::{OneOrMany, Request};
use super::derive;
use crate::audit::Decided;
use crate::authz::{Issuer, Protocol, Route, Rule, Service, Speaks};
use crate::offline::Ruling;
use crate::replay::MemoryStore;

/// A call that is allowed.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) rule: Arc<Rule>,
    pub(super) service: Arc<Service>,
    pub(super) protocol: Protocol,
    /// Its body decides.
    pub(super) reads_body: bool,
    /// With its body as text, and every header that belongs to it written out.
    pub(super) case: Case,
    /// Of its files.
    pub(super) folder: PathBuf,
    /// For people.
    pub(super) source: String,
}

/// Rules without a good call, and why.
type Without = Vec<(String, String)>;

/// The good call of each rule: of the first case of `tables` that is allowed by it, or made up.
pub(super) fn find(bench: &Bench<'_>, tables: &[Table]) -> Result<(Vec<Good>, Without), String> {
    let mut goods = Vec::new();
    let mut without = Without::new();
    let written = of_tables(bench, tables)?;
    for service in bench.settings().services.iter() {
        for (route, places) in service.routes.placed() {
            if matches!(route.speaks, Speaks::Public) {
                without.push((name_of(service, route), "it is open to everybody (`public`)".to_owned()));
            }
            for rule in route.speaks.rules() {
                let known = written.iter().position(|good| good.rule.action == rule.action);
                let found = match known.and_then(|at| written.get(at)) {
                    Some(good) => Ok(good.again()),
                    None => derive::derived(bench, service, route, &places, rule),
                };
                match found {
                    Ok(good) => goods.push(good),
                    Err(why) => without.push((rule.action.as_ref().to_owned(), why)),
                }
            }
        }
    }
    Ok((goods, without))
}

fn name_of(service: &Service, route: &Route) -> String {
    format!("{}/{}", service.name, route.name)
}

/// The cases that are allowed as they expect, and have a token that nothing was done to.
fn of_tables(bench: &Bench<'_>, tables: &[Table]) -> Result<Vec<Good>, String> {
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
            if let Ok(good) = Good::of(bench, case, folder, source)
                && goods.iter().all(|known| known.rule.action != good.rule.action)
            {
                goods.push(good);
            }
        }
    }
    Ok(goods)
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
        Ok(Self {
            rule: Arc::clone(rule),
            service: Arc::clone(service),
            reads_body: findings.route.as_ref().is_some_and(|route| match &route.speaks {
                Speaks::Http { json, .. } => *json,
                Speaks::Mcp(_) | Speaks::A2a(_) => call.body.is_some(),
                Speaks::Public | Speaks::Grpc(_) => false,
            }),
            protocol: findings.operation.as_ref().map_or(Protocol::Http, |operation| operation.protocol),
            case: Case { request: plain(bench, &case.request), ..case.clone() },
            folder: folder.to_owned(),
            source,
        })
    }

    /// The body as JSON, if it is.
    pub(super) fn body(&self) -> Option<Value> {
        self.case.request.body.as_deref().and_then(|body| serde_json::from_str(body).ok())
    }

    pub(super) fn issuer<'b>(&self, bench: &Bench<'b>) -> Option<&'b Issuer> {
        let named = self.case.token.as_ref().and_then(|token| token.issuer.as_deref());
        bench.issuers().find(|issuer| named.is_none_or(|name| issuer.name.as_ref() == name))
    }

    fn again(&self) -> Self {
        Self {
            rule: Arc::clone(&self.rule),
            service: Arc::clone(&self.service),
            protocol: self.protocol,
            reads_body: self.reads_body,
            case: self.case.clone(),
            folder: self.folder.clone(),
            source: self.source.clone(),
        }
    }
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
