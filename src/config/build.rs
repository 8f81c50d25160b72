//! The configuration as written → as used, collecting every fault on the way.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::faults::{Faults, close_to};
use super::files::Files;
use super::revocations::RevocationSettings;
use super::settings::{Listen, ProcessSettings, Settings, Upstream};
use super::{audit, enforcement, issuers, listen, otlp, policies, replay, revocations, sender, services, tls, written};
use crate::authz::{Agent, AgentIndex, Agents, Ceiling, SpiffeId, is_scope_token};

/// Builds the settings. Faults land in `faults`; with any, the result is not to be used.
pub(super) fn build(
    config: &written::Config,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<Settings> {
    let process = process(config, files, faults, warnings);
    let issuers = issuers::build(config, files, faults, warnings);
    let agents = agents(config, faults);
    let names = AgentNames::new(&agents);
    let services = services::build(config, &names, faults, warnings);
    let policies = policies::build(config, &services, files, faults);
    let enforcement = enforcement::build(config, warnings);
    Some(Settings {
        revision: Arc::from(""),
        tls: match (&config.tls, process.as_ref().map(|process| &process.listen)) {
            (Some(written), Some(Listen::Tcp { tls, .. })) => Some(tls::build(written, tls, faults, warnings)),
            _ => None,
        },
        process: process?,
        upstream: Upstream {
            forward_token: config.upstream.forward_token,
            identity_headers: config.upstream.identity_headers,
        },
        redaction: Arc::new(audit::redaction(&config.audit, files, faults, warnings)),
        issuers,
        agents: Arc::new(agents),
        services,
        policies,
        enforcement,
        forwarded_certificates: Arc::new(sender::forwarded_certificates(
            &config.forwarded_client_cert,
            faults,
            warnings,
        )),
        revocations: revocations(config, files, faults, warnings),
        token_limit: usize::try_from(config.limits.token_bytes).ok()?,
        body_limit: usize::try_from(config.limits.body_bytes).ok()?,
        warnings: Vec::new(),
        files: Vec::new(),
    })
}

fn revocations(
    config: &written::Config,
    files: &Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<RevocationSettings> {
    let file = files.path_of(&config.revocations.as_ref()?.file);
    match revocations::load_revocations(&file) {
        Ok(list) => {
            for issuer in list.issuers().filter(|named| config.issuers.iter().all(|known| known.issuer != *named)) {
                warnings
                    .add("revocations.file", format_args!("`{issuer}` is none of `issuers`: its entries stop nothing"));
            }
            Some(RevocationSettings { file, list: Arc::new(list) })
        }
        Err(found) => {
            for fault in found {
                faults.add("revocations.file", format_args!("`{}`: {fault}", file.display()));
            }
            None
        }
    }
}

fn process(
    config: &written::Config,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<ProcessSettings> {
    let proofs = sender::proofs(&config.dpop, files, faults, warnings);
    let listen = listen::checks(config, files, faults);
    let watch = listen::watch(config, faults);
    let admin = config.admin.parse::<SocketAddr>();
    if admin.is_err() {
        faults.add("admin", format_args!("found `{}`, expected an address such as `127.0.0.1:9902`", config.admin));
    }
    if config.limits.deadline.0 < Duration::from_millis(10) {
        faults.add("limits.deadline", "must be at least 10ms");
    }
    let replay = replay::build(config, files, faults, warnings);
    let audit = audit::build(&config.audit, files, faults);
    let otlp = config.otlp.as_ref().map(|otlp| otlp::build(otlp, files, faults, warnings));
    let size = |value: u32| usize::try_from(value).ok();
    Some(ProcessSettings {
        listen: listen?,
        admin: admin.ok()?,
        watch: watch.ok()?,
        replay: replay?,
        proofs,
        audit: audit?,
        otlp: match otlp {
            Some(otlp) => Some(otlp?),
            None => None,
        },
        concurrency: size(config.limits.concurrency)?,
        message_bytes: size(config.limits.message_bytes)?,
        verified_tokens: size(config.limits.verified_tokens)?,
        deadline: config.limits.deadline.0,
        drain: config.limits.drain.0,
    })
}

fn agents(config: &written::Config, faults: &mut Faults) -> Agents {
    let only_issuer = match config.issuers.as_slice() {
        [only] => Some(only.issuer.as_str()),
        _ => None,
    };
    let mut ids = HashSet::new();
    let mut identities = HashSet::new();
    let mut spiffe_ids = HashMap::new();
    let mut agents = Vec::new();
    for (at, agent) in config.agents.iter().enumerate() {
        let path = format!("agents[{at}]");
        if !ids.insert(agent.id.as_str()) {
            faults.add(&path, format_args!("`{}` is introduced twice", agent.id));
        }
        let issuer = agent.issuer.as_deref().or(only_issuer);
        match issuer {
            None => faults.add(&path, "field `issuer` is missing: with several issuers, say which may name this agent"),
            Some(name) if !config.issuers.iter().any(|issuer| issuer.issuer == name) => {
                faults.add(format_args!("{path}.issuer"), format_args!("`{name}` is none of `issuers`"));
            }
            Some(_) => {}
        }
        let issuer = issuer.unwrap_or_default();
        let act_issuer = agent.act_issuer.as_deref().unwrap_or(issuer);
        let subject = agent.subject.as_deref().unwrap_or(&agent.id);
        if !identities.insert((issuer, act_issuer, subject)) {
            faults.add(&path, format_args!("another agent is `{subject}` at the same issuer"));
        }
        let spiffe = agent.spiffe.as_deref().and_then(|text| {
            let id = SpiffeId::parse(text);
            if id.is_none() {
                faults.add(format_args!("{path}.spiffe"), format_args!("found `{text}`, expected a SPIFFE id"));
            }
            if let Some(other) = spiffe_ids.insert(text, at) {
                faults.add(format_args!("{path}.spiffe"), format_args!("agents[{other}] has the same SPIFFE id"));
            }
            id
        });
        agents.push(Agent {
            id: agent.id.as_str().into(),
            issuer: issuer.into(),
            act_issuer: act_issuer.into(),
            subject: subject.into(),
            spiffe,
            ceiling: ceiling(&agent.scopes, &format!("{path}.scopes"), faults),
        });
    }
    Agents::new(agents)
}

fn ceiling(scopes: &[String], path: &str, faults: &mut Faults) -> Ceiling {
    if scopes == ["*"] {
        return Ceiling::Unlimited;
    }
    let mut sorted = scope_list(scopes, path, faults);
    sorted.sort_unstable();
    Ceiling::Scopes(sorted)
}

/// Scopes as RFC 6749 section 3.3 writes them.
pub(super) fn scope_list(scopes: &[String], path: &str, faults: &mut Faults) -> Vec<Box<str>> {
    for (at, scope) in scopes.iter().enumerate() {
        if scope == "*" || !is_scope_token(scope) {
            faults.add(
                format_args!("{path}[{at}]"),
                format_args!("found `{scope}`, expected a scope without spaces, quotes or wildcard"),
            );
        }
    }
    scopes.iter().map(|scope| scope.as_str().into()).collect()
}

/// Agents by the name the configuration gives them.
pub(super) struct AgentNames<'a> {
    pub(super) agents: &'a Agents,
    by_id: HashMap<&'a str, AgentIndex>,
}

impl<'a> AgentNames<'a> {
    fn new(agents: &'a Agents) -> Self {
        Self { agents, by_id: agents.iter().map(|(index, agent)| (agent.id.as_ref(), index)).collect() }
    }

    pub(super) fn resolve(&self, id: &str, path: impl std::fmt::Display, faults: &mut Faults) -> Option<AgentIndex> {
        let found = self.by_id.get(id).copied();
        if found.is_none() {
            let known: Vec<&str> = self.agents.iter().map(|(_, agent)| agent.id.as_ref()).collect();
            faults.add(path, format_args!("`{id}` is none of `agents`{}", close_to(id, &known)));
        }
        found
    }
}
