//! `hopgate explain`: the decision on one request, offline, check by check.

mod request;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::check::report;
use super::exit::{Exit, fail};
use crate::audit::{Decided, clean, printable};
use crate::authz::{KeySet, VerifiedTokens};
use crate::config::{self, KeySource, Settings};
use crate::envoy::decode::{Decoded, decode};
use crate::jwks;
use crate::live::{Live, State};
use crate::offline::{self, Answer, shown};
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
    let message = match args.request.call() {
        Ok(call) => call.message(),
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
    // An empty store: explain can't know what a running hopgate has seen.
    let ruling = match offline::decide(state, decoded, &MemoryStore::new(2, None), time) {
        Ok(ruling) => ruling,
        Err(error) => return fail(error),
    };
    println!(
        "config      {} (revision {})",
        settings.files.first().map_or(String::new(), |f| f.display().to_string()),
        settings.revision
    );
    println!("request     {} {}", clean(decoded.request.method), clean(decoded.path()));
    if let Some(operation) = &ruling.findings.operation {
        let name = operation.shown_name().map(|name| format!(" {name}")).unwrap_or_default();
        let asked = format!("{}{name}", operation.method);
        println!("operation   {} {}", operation.protocol.name(), clean(&asked));
    }
    if let Some(rule) = &ruling.findings.rule {
        println!("rule        {}", clean(&rule.action));
    }
    println!();
    for line in shown::verdicts(&ruling) {
        println!("{line}");
    }
    println!();
    match ruling.decided {
        Decided::Allowed => println!("decision    ALLOW"),
        Decided::Answered => println!("decision    ANSWER with the metadata of the service, in its place"),
        Decided::Refused(reason) => {
            println!("decision    DENY {} by {}", reason.code(), reason.check());
            print_answer(&ruling.answer);
        }
    }
    println!("\nrecord      {}", ruling.record.replace('\n', "\n            "));
    match ruling.decided {
        Decided::Refused(_) => Exit::Refused,
        Decided::Allowed | Decided::Answered => Exit::Done,
    }
}

fn print_answer(answer: &Answer) {
    let Answer::ToCaller { status, headers, body } = answer else { return };
    println!("answer      {status}");
    for (name, value) in headers {
        println!("            {name}: {}", printable(value));
    }
    // It repeats the id that the caller gave a request.
    println!("            {}", printable(body));
}
