//! The `issuers` of the configuration.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use url::Url;

use super::faults::Faults;
use super::files::Files;
use super::settings::{IssuerSettings, KeyLocation, KeySource, RemoteKeys};
use super::{policies, written};
use crate::authz::{Algorithm, Issuer, KeySet, MAX_CLOCK_SKEW, Presence, ScopeClaim, Shape};

/// A number no issuer had before, so that nothing remembered under other keys or settings counts.
pub(crate) fn next_generation() -> u64 {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    GENERATION.fetch_add(1, Ordering::Relaxed)
}

pub(super) fn build(
    config: &written::Config,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Vec<IssuerSettings> {
    let kept = policies::claims(config).into_iter().map(|claim| claim.name).collect();
    let mut names = HashSet::new();
    let mut issuers = Vec::new();
    for (at, issuer) in config.issuers.iter().enumerate() {
        let path = format!("issuers[{at}]");
        if !names.insert(issuer.issuer.as_str()) {
            faults.add(&path, format_args!("`{}` is configured twice", issuer.issuer));
        }
        issuers.extend(one(issuer, &kept, &path, files, faults, warnings));
    }
    issuers
}

fn one(
    written: &written::Issuer,
    kept: &Arc<[Box<str>]>,
    path: &str,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<IssuerSettings> {
    let url = https(&written.issuer, written.insecure, &format!("{path}.issuer"), faults);
    if url.as_ref().is_some_and(|url| url.query().is_some() || url.fragment().is_some()) {
        // RFC 8414 section 2: the issuer identifier has "no query or fragment components".
        faults.add(format_args!("{path}.issuer"), "an issuer has no query or fragment");
    }
    if written.insecure {
        warnings.add(format_args!("{path}.insecure"), "whoever is between hopgate and the issuer can replace its keys");
    }
    if written.token_types.iter().any(|typ| typ.eq_ignore_ascii_case("jwt")) {
        warnings
            .add(format_args!("{path}.token_types"), "`JWT` also marks id tokens: only the audience tells them apart");
    }
    let algorithms: Vec<_> = written.algorithms.iter().copied().map(algorithm).collect();
    let clock_skew = at_most(written.clock_skew.0, MAX_CLOCK_SKEW, &format!("{path}.clock_skew"), faults);
    for (name, span) in [("refresh", written.refresh), ("cooldown", written.cooldown)] {
        if span.0 < Duration::from_secs(1) {
            faults.add(format_args!("{path}.{name}"), "must be at least 1s");
        }
    }
    let ca_pem = written.ca_file.as_ref().and_then(|file| files.read(file, &format!("{path}.ca_file"), faults));
    let remote = |location| {
        KeySource::Remote(RemoteKeys {
            location,
            refresh: written.refresh.0,
            max_stale: written.max_stale.0,
            cooldown: written.cooldown.0,
            insecure: written.insecure,
            ca_pem,
        })
    };
    let (keys, source) = match &written.jwks {
        None => (None, remote(KeyLocation::Discovery(url?))),
        Some(written::Jwks { uri: Some(uri), file: None }) => {
            let uri = https(uri, written.insecure, &format!("{path}.jwks.uri"), faults)?;
            (None, remote(KeyLocation::JwksUri(uri)))
        }
        Some(written::Jwks { uri: None, file: Some(file) }) => {
            let keys = key_file(file, &algorithms, &format!("{path}.jwks.file"), files, faults)?;
            (Some(Arc::new(keys)), KeySource::File)
        }
        Some(written::Jwks { uri: Some(_), file: Some(_) } | written::Jwks { uri: None, file: None }) => {
            faults.add(format_args!("{path}.jwks"), "expected either `uri` or `file`");
            return None;
        }
    };
    let presence =
        |claim| if written.optional_claims.contains(&claim) { Presence::Optional } else { Presence::Required };
    let issuer = Issuer {
        name: written.issuer.as_str().into(),
        algorithms,
        token_types: written.token_types.iter().map(|typ| token_type(typ)).collect(),
        shape: Shape {
            scope_claim: match written.scope_claim {
                written::ScopeClaim::Scope => ScopeClaim::Scope,
                written::ScopeClaim::Scp => ScopeClaim::Scp,
            },
            client_id: presence(written::OptionalClaim::ClientId),
            token_id: presence(written::OptionalClaim::Jti),
            issued_at: presence(written::OptionalClaim::Iat),
            named: Arc::clone(kept),
        },
        max_lifetime: written.max_lifetime.0,
        clock_skew,
        keys,
        generation: next_generation(),
    };
    Some(IssuerSettings { issuer, keys: source })
}

fn key_file(
    file: &str,
    algorithms: &[Algorithm],
    path: &str,
    files: &mut Files<'_>,
    faults: &mut Faults,
) -> Option<KeySet> {
    let bytes = files.read(file, path, faults)?;
    KeySet::parse(&bytes, algorithms)
        .map_err(|error| faults.add(path, format_args!("`{file}` holds no usable key set: {error}")))
        .ok()
}

/// A URL that nobody on the way can tamper with, unless the operator says `insecure`.
fn https(text: &str, insecure: bool, path: &str, faults: &mut Faults) -> Option<Url> {
    let url = match Url::parse(text) {
        Ok(url) if url.host().is_some() => url,
        Ok(_) | Err(_) => {
            faults.add(path, format_args!("found `{text}`, expected an https URL"));
            return None;
        }
    };
    if !url.username().is_empty() || url.password().is_some() {
        // Not shown: it would be in the log, as it would be with every failed fetch.
        faults.add(path, "expected a URL without credentials");
        return None;
    }
    if is_safe(&url, insecure) {
        Some(url)
    } else {
        faults.add(
            path,
            format_args!("found `{text}`, expected https (plain http is for loopback, or with `insecure: true`)"),
        );
        None
    }
}

/// Whether keys may be fetched from `url`.
pub(crate) fn is_safe(url: &Url, insecure: bool) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => true,
        "http" => loopback || insecure,
        _ => false,
    }
}

pub(super) fn at_most(span: Duration, most: Duration, path: &str, faults: &mut Faults) -> Duration {
    if span > most {
        faults.add(path, format_args!("must be at most {}", humantime::format_duration(most)));
    }
    span
}

fn token_type(typ: &str) -> Box<str> {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/").unwrap_or(&typ).into()
}

pub(super) fn algorithm(name: written::AlgorithmName) -> Algorithm {
    match name {
        written::AlgorithmName::ES256 => Algorithm::Es256,
        written::AlgorithmName::ES384 => Algorithm::Es384,
        written::AlgorithmName::EdDSA => Algorithm::EdDsa,
        written::AlgorithmName::RS256 => Algorithm::Rs256,
        written::AlgorithmName::RS384 => Algorithm::Rs384,
        written::AlgorithmName::RS512 => Algorithm::Rs512,
        written::AlgorithmName::PS256 => Algorithm::Ps256,
        written::AlgorithmName::PS384 => Algorithm::Ps384,
        written::AlgorithmName::PS512 => Algorithm::Ps512,
    }
}
