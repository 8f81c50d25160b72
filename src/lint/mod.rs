//! `hopgate lint-envoy`: what in an Envoy's configuration lets calls past hopgate, or blinds it.
//!
//! ```text
//! files ─▶ document ─▶ sources ─▶ listener ─▶ manager ─▶ filters ─▶ authz, body, headers
//!          values      by kind    chains,     HTTP       order  └─▶ routes, route
//!                                 tls         settings              cluster, bootstrap
//! ```
//!
//! `kinds` says what a document is; another kind of document gets its arm there and hands the listeners, routes,
//! clusters or filters it holds to `sources`, or its own findings to `Lint::found`. What nobody knows is a fault: a
//! file that was not understood must not look like one that is clean.

mod authz;
mod body;
mod bootstrap;
mod cluster;
mod document;
mod envoy_filter;
mod envoy_gateway;
mod filters;
mod finding;
mod guard;
mod headers;
mod istio;
mod kinds;
mod kubernetes;
mod listener;
mod manager;
mod matcher;
mod node;
mod objects;
mod per_route;
mod route;
mod routes;
mod rules;
mod sources;
mod tls;
mod traffic_policy;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::fmt;

use serde_json::Value;

pub use finding::{Fault, Finding, Severity};
pub use headers::NEEDED as NEEDED_HEADERS;
pub use rules::Rule;

use document::Document;
use node::Node;
use sources::Sources;

/// What the operator says about the Envoy.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The clusters that hopgate stands behind; where empty, every `ext_authz` filter is taken for hopgate's.
    pub clusters: Vec<String>,
    /// Listeners by name that are meant to be reached without hopgate, such as those for probes and metrics.
    pub unchecked: Vec<String>,
}

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Input {
    /// As it is shown in findings.
    pub name: String,
    pub text: String,
}

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What could not be read; where there is any, no finding means nothing.
    pub faults: Vec<Fault>,
    /// In the order of the files, the worst first.
    pub findings: Vec<Finding>,
    /// HTTP connection managers that were looked at.
    pub managers: usize,
    /// Kubernetes objects, and mesh configurations, that have a say.
    pub objects: usize,
}

impl Report {
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity() == severity).count()
    }
}

/// Looks at all `inputs` as parts of one Envoy: routes in one file may be those of a listener in another.
#[must_use]
pub fn lint(inputs: &[Input], options: &Options) -> Report {
    let mut report = Report::default();
    let mut documents = Vec::new();
    for input in inputs {
        match document::read(&input.name, &input.text).and_then(kubernetes::unfold) {
            Ok(read) => documents.extend(read),
            Err(fault) => report.faults.push(fault),
        }
    }
    let mut sources = Sources::default();
    for document in &documents {
        if let Err(fault) = kinds::take(document, &mut sources) {
            report.faults.push(fault);
        }
    }
    let lint = Lint::new(&documents, &sources, options);
    lint.run();
    report.faults.extend(lint.unused());
    report.faults.extend(lint.unknown_listeners());
    report.managers = lint.managers.borrow().len();
    report.objects = sources.objects.len().saturating_add(sources.meshes.len());
    report.findings = lint.into_findings();
    report.faults.extend(documents.into_iter().flat_map(Document::into_faults));
    report
}

/// One run: what there is, and what was found so far.
struct Lint<'a> {
    documents: &'a [Document],
    sources: &'a Sources<'a>,
    options: &'a Options,
    findings: RefCell<Vec<Finding>>,
    seen: RefCell<HashSet<Finding>>,
    /// The managers that were looked at.
    managers: RefCell<HashSet<*const Value>>,
    /// Managers of which only what a patch says is known.
    patched: RefCell<HashSet<*const Value>>,
    /// Documents that something was taken from.
    used: RefCell<BTreeSet<(String, Option<usize>)>>,
    /// hopgate's clusters, and where they are named.
    asked: RefCell<Vec<(String, Node<'a>)>>,
    /// Checked routes, each with the service it names.
    services: RefCell<Vec<(Node<'a>, Option<&'a str>)>>,
    /// Keys of the runtime that a filter asks.
    runtime_keys: RefCell<Vec<&'a str>>,
}

impl<'a> Lint<'a> {
    fn new(documents: &'a [Document], sources: &'a Sources<'a>, options: &'a Options) -> Self {
        Self {
            documents,
            sources,
            options,
            findings: RefCell::default(),
            seen: RefCell::default(),
            managers: RefCell::default(),
            patched: RefCell::default(),
            used: RefCell::default(),
            asked: RefCell::default(),
            services: RefCell::default(),
            runtime_keys: RefCell::default(),
        }
    }

    fn run(&self) {
        for listener in &self.sources.listeners {
            listener::lint(self, listener);
        }
        for manager in &self.sources.managers {
            manager::lint(self, &listener::Seat::unknown(), manager);
        }
        istio::lint(self);
        envoy_filter::lint(self);
        envoy_gateway::lint(self);
        traffic_policy::lint(self);
        self.objects("Gateway");
        routes::lint_services(self);
        cluster::lint_asked(self);
        for bootstrap in &self.sources.bootstraps {
            bootstrap::lint(self, bootstrap);
        }
        manager::lint_unseen(self);
        self.pass_over_silent();
    }

    /// Reports a broken rule, once for each place: one route configuration may serve many listeners.
    fn found(&self, rule: Rule, at: &Node<'_>, found: impl fmt::Display) {
        let document = at.document();
        let (file, path) = (document.file.clone(), at.path().to_owned());
        let finding = Finding { rule, file, document: document.number, path, found: found.to_string() };
        if self.seen.borrow_mut().insert(finding.clone()) {
            self.findings.borrow_mut().push(finding);
        }
    }

    /// Notes that something of this document counts.
    fn use_of(&self, node: &Node<'_>) {
        let document = node.document();
        self.used.borrow_mut().insert((document.file.clone(), document.number));
    }

    /// A fault for each document of which nothing was used.
    fn unused(&self) -> Vec<Fault> {
        let used = self.used.borrow();
        let unused = self.documents.iter().filter(|document| !used.contains(&(document.file.clone(), document.number)));
        let message = "no HTTP connection manager is in it, nor routes or clusters of one in another file, nor an object that has a say";
        unused.filter(|document| kinds::known(document)).map(|document| document.fault("", message)).collect()
    }

    /// A fault for each listener that the operator names and nobody has: it was renamed, or mistyped.
    fn unknown_listeners(&self) -> Vec<Fault> {
        let known = |name: &str| self.sources.listeners.iter().any(|listener| listener.at("name").text() == Some(name));
        let unknown = self.options.unchecked.iter().filter(|name| !known(name));
        let fault = |name: &String| Fault {
            file: "--unchecked".to_owned(),
            document: None,
            path: String::new(),
            message: format!("no listener `{name}` was given"),
        };
        unknown.map(fault).collect()
    }

    fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner();
        findings.sort_by(|a, b| {
            (&a.file, a.document).cmp(&(&b.file, b.document)).then(b.rule.severity().cmp(&a.rule.severity()))
        });
        findings
    }
}
