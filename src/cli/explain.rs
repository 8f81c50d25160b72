//! `hopgate explain`: the decision on one request, offline, check by check.

mod request;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;

use super::check::report;
use super::exit::{Exit, fail};
use crate::audit::{Decided, Facts, Record};
use crate::authz::{self, Check, Evaluation, Findings, KeySet, Reason, Verdict, VerifiedTokens};
use crate::clock;
use crate::config::{self, KeySource, Settings};
use crate::envoy::decode::{Decoded, decode};
use crate::envoy::encode::{self, Told};
use crate::jwks;
use crate::live::{Live, State};
use crate::replay::MemoryStore;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    request: request::RequestArgs,
    /// Decide as if it were this time (RFC 3339, such as 2026-11-24T12:00:00Z).
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_rfc3339_weak)]
    at: Option<SystemTime>,
    /// Keys of an issuer that are otherwise fetched, as ISSUER=FILE.
    #[arg(long, value_name = "ISSUER=FILE")]
    jwks: Vec<String>,
}

pub(super) async fn run(args: Args) -> Exit {
    let settings = match config::load(&args.config) {
        Ok(settings) => settings,
        Err(faults) => {
            report(&args.config, "fault", &faults);
            return Exit::Faults;
        }
    };
    let unknown = args
        .jwks
        .iter()
        .find(|pair| !settings.issuers.iter().any(|configured| key_file(&configured.issuer.name, pair).is_some()));
    if let Some(pair) = unknown {
        return fail(format_args!("`--jwks {pair}` names none of `issuers`, expected ISSUER=FILE"));
    }
    let message = match args.request.message() {
        Ok(message) => message,
        Err(error) => return fail(error),
    };
    let live = match State::first(&settings, Arc::new(VerifiedTokens::with_capacity(1))) {
        Ok(state) => Live::new(state),
        Err(error) => return fail(error),
    };
    for configured in &settings.issuers {
        if let Err(error) = give_keys(&live, configured, &args.jwks).await {
            eprintln!("hopgate: warning: issuer `{}` has no keys: {error}", configured.issuer.name);
        }
    }
    let time = args.at.unwrap_or_else(SystemTime::now);
    let decoded = decode(&message);
    explain(&settings, &live.load(), &decoded, time)
}

/// The file of a `--jwks ISSUER=FILE` that is about `issuer`.
fn key_file<'a>(issuer: &str, pair: &'a str) -> Option<&'a str> {
    pair.strip_prefix(issuer)?.strip_prefix('=')
}

async fn give_keys(live: &Live, configured: &config::IssuerSettings, given: &[String]) -> Result<(), String> {
    let issuer = &configured.issuer;
    let file = given.iter().find_map(|pair| key_file(&issuer.name, pair));
    let keys = match (&configured.keys, file) {
        (_, Some(file)) => {
            let bytes = std::fs::read(file).map_err(|error| format!("can't read `{file}`: {error}"))?;
            KeySet::parse(&bytes, &issuer.algorithms).map_err(|error| format!("`{file}`: {error}"))?
        }
        (KeySource::File, None) => return Ok(()),
        (KeySource::Remote(remote), None) => {
            jwks::fetch(&issuer.name, remote, &issuer.algorithms).await.map_err(|error| error.to_string())?
        }
    };
    live.set_keys(&issuer.name, &configured.keys, Some(Arc::new(keys)));
    Ok(())
}

fn explain(settings: &Settings, state: &State, decoded: &Decoded<'_>, time: SystemTime) -> Exit {
    let now = clock::unix(time);
    let mut evaluation = authz::evaluate(&state.snapshot, &decoded.request, now);
    // An empty store: explain can't know what a running hopgate has seen.
    let store = MemoryStore::new(2, None);
    while let Some(claim) = evaluation.next_claim() {
        let claimed = store.claim_now(claim, now);
        evaluation = evaluation.settled(claimed);
    }
    let Evaluation { findings, trail, outcome } = evaluation;
    println!(
        "config      {} (revision {})",
        settings.files.first().map_or(String::new(), |f| f.display().to_string()),
        settings.revision
    );
    println!("request     {} {}", crate::audit::clean(decoded.request.method), crate::audit::clean(decoded.path()));
    if let Some(operation) = &findings.operation {
        let name = operation.shown_name().map(|name| format!(" {name}")).unwrap_or_default();
        let asked = format!("{}{name}", operation.method);
        println!("operation   {} {}", operation.protocol.name(), crate::audit::clean(&asked));
    }
    if let Some(rule) = &findings.rule {
        println!("rule        {}", crate::audit::clean(&rule.action));
    }
    println!();
    for (check, verdict) in trail.iter().filter(|(check, _)| *check != Check::Service) {
        println!("{check:<11} {}", words(verdict));
        for line in details(check, verdict, &findings) {
            println!("            {}", crate::audit::clean(&line));
        }
    }
    println!();
    let ended = Decided::of(&outcome);
    let told = Told {
        decision_id: "00000000-0000-0000-0000-000000000000",
        findings: &findings,
        trail: &trail,
        proof_algorithms: &state.snapshot.proofs.algorithms,
        redaction: &state.redaction,
    };
    match ended {
        Decided::Allowed => println!("decision    ALLOW"),
        Decided::Answered => println!("decision    ANSWER with the metadata of the service, in its place"),
        Decided::Refused(reason) => print_denial(reason, told, decoded.grpc),
    }
    let record = Record::new(&Facts {
        time,
        decision_id: told.decision_id,
        trace: decoded.trace,
        request_id: decoded.request_id,
        method: decoded.request.method,
        path: decoded.path(),
        grpc: decoded.grpc,
        peer: decoded.request.peer,
        snapshot: &state.snapshot,
        redaction: &state.redaction,
        findings: &findings,
        trail: &trail,
        decided: ended,
        duration: Duration::ZERO,
    });
    match serde_json::to_string_pretty(&record) {
        Ok(text) => println!("\nrecord      {}", text.replace('\n', "\n            ")),
        Err(error) => return fail(error),
    }
    match ended {
        Decided::Refused(_) => Exit::Refused,
        Decided::Allowed | Decided::Answered => Exit::Done,
    }
}

fn print_denial(reason: Reason, told: Told<'_>, grpc: bool) {
    let response = encode::deny(reason, told, grpc);
    let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else { return };
    println!("decision    DENY {} by {}", reason.code(), reason.check());
    println!("answer      {}", denied.status.map_or(0, |status| status.code));
    for header in denied.headers.iter().filter_map(|option| option.header.as_ref()) {
        println!("            {}: {}", header.key, header.value);
    }
    println!("            {}", denied.body);
}

/// What made `check` come out as it did, beyond its reason.
fn details(check: Check, verdict: Verdict, findings: &Findings) -> Vec<String> {
    match check {
        Check::Approval => {
            let wanted = findings.approval.as_ref().and_then(|wanted| serde_json::to_string(wanted).ok());
            wanted.into_iter().map(|wanted| format!("to be approved: {wanted}")).collect()
        }
        Check::Policy => {
            let judgement = &findings.judgement;
            let policies = judgement.policies.iter().map(|policy| format!("by {policy}"));
            policies.chain(judgement.failure.as_deref().map(str::to_owned)).collect()
        }
        Check::Scopes if matches!(verdict, Verdict::Refused(_) | Verdict::WouldRefuse(_)) => {
            let needed = findings.rule.as_ref().map_or(String::new(), |rule| rule.scopes.join(" "));
            let held = findings.token.claims().map_or(String::new(), |claims| claims.scopes.join(" "));
            let held = if held.is_empty() { "none" } else { &held };
            vec![format!("needs {needed}, holds {held}")]
        }
        Check::Request
        | Check::Route
        | Check::Credential
        | Check::Token
        | Check::Audience
        | Check::Revocation
        | Check::Delegation
        | Check::Caller
        | Check::Sender
        | Check::Scopes
        | Check::StepUp
        | Check::Replay
        | Check::Service => Vec::new(),
    }
}

fn words(verdict: Verdict) -> String {
    match verdict {
        Verdict::NotReached => "-".to_owned(),
        Verdict::NotAsked => "not asked for".to_owned(),
        Verdict::Passed => "pass".to_owned(),
        Verdict::WouldRefuse(reason) => format!("WOULD REFUSE {}: {}", reason.code(), reason.description()),
        Verdict::Refused(reason) => format!("REFUSE {}: {}", reason.code(), reason.description()),
    }
}
