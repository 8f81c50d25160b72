//! The `replay` section of the configuration.

use std::path::PathBuf;

use url::{Host, Url};

use super::faults::Faults;
use super::files::Files;
use super::settings::{RedisAddress, RedisSettings, ReplaySettings, StoreSettings};
use super::written;

/// Redis's and Valkey's own.
const DEFAULT_PORT: u16 = 6379;

pub(super) fn build(
    config: &written::Config,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<ReplaySettings> {
    let written = &config.replay;
    let store = match (written.store, &written.redis) {
        (written::ReplayStore::Memory, None) => {
            StoreSettings::Memory { capacity: usize::try_from(written.capacity).ok()? }
        }
        (written::ReplayStore::Redis, Some(server)) => {
            StoreSettings::Redis(redis(server, config, files, faults, warnings)?)
        }
        (written::ReplayStore::Memory, Some(_)) => {
            faults.add("replay.redis", "is not used: `store` is `memory`");
            return None;
        }
        (written::ReplayStore::Redis, None) => {
            faults.add("replay", "field `redis` is missing: where the server is");
            return None;
        }
    };
    let accept_tokens_issued_before_start = written.accept_tokens_issued_before_start;
    if accept_tokens_issued_before_start {
        let words =
            "what was used once before a restart, single-use tokens and DPoP proofs, can be used once more after it";
        warnings.add("replay.accept_tokens_issued_before_start", words);
    }
    Some(ReplaySettings { store, accept_tokens_issued_before_start })
}

fn redis(
    written: &written::Redis,
    config: &written::Config,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<RedisSettings> {
    if written.timeout.0.is_zero() || written.timeout.0 >= config.limits.deadline.0 {
        // A claim that takes as long as the check has no time left for its answer.
        faults.add("replay.redis.timeout", "must be at least 1ms and below `limits.deadline`");
    }
    if written.username_file.is_some() && written.password_file.is_none() {
        faults.add("replay.redis", "field `password_file` is missing: a name alone does not log in");
    }
    if written.insecure {
        let words = "whoever is between hopgate and the server can forge what it remembers";
        warnings.add("replay.redis.insecure", words);
    }
    let mut credential = |file: &Option<String>, field: &str| {
        file.as_ref().map(|file| files.find(file, &format!("replay.redis.{field}"), faults))
    };
    let username_file = credential(&written.username_file, "username_file");
    let password_file = credential(&written.password_file, "password_file");
    let (address, database) = place(written, files, faults)?;
    Some(RedisSettings {
        address,
        database,
        username_file,
        password_file,
        timeout: written.timeout.0,
        key_prefix: written.key_prefix.as_str().into(),
    })
}

/// Where the server is, and which of its databases holds the claims.
fn place(written: &written::Redis, files: &mut Files<'_>, faults: &mut Faults) -> Option<(RedisAddress, i64)> {
    // Never shown whole before this is known: it may hold a password.
    let url = Url::parse(&written.url).ok();
    if url.as_ref().is_none_or(|url| !url.username().is_empty() || url.password().is_some()) {
        let words = "expected a URL without credentials: they belong in `username_file` and `password_file`";
        faults.add("replay.redis.url", words);
        return None;
    }
    let url = url?;
    if url.query().is_some() || url.fragment().is_some() {
        // Not shown either: some clients take a password there.
        faults.add("replay.redis.url", "expected a URL without query and fragment");
        return None;
    }
    let ca_pem = authorities(written, &url, files, faults);
    let mut wrong = |expected: &str| {
        faults.add("replay.redis.url", format_args!("found `{}`, expected {expected}", written.url));
        None
    };
    let (host, loopback) = match url.host() {
        // Redis schemes are unknown to the URL standard, so an address is only text to it.
        Some(Host::Domain(name)) => {
            let ip = name.parse::<std::net::Ipv4Addr>();
            (Some(name.to_owned()), name == "localhost" || ip.is_ok_and(|ip| ip.is_loopback()))
        }
        Some(Host::Ipv4(ip)) => (Some(ip.to_string()), ip.is_loopback()),
        Some(Host::Ipv6(ip)) => (Some(ip.to_string()), ip.is_loopback()),
        None => (None, false),
    };
    let host = host.filter(|host| !host.is_empty());
    let port = url.port().unwrap_or(DEFAULT_PORT);
    match (url.scheme(), host) {
        ("unix", None) if url.path().len() > 1 => Some((RedisAddress::Unix(PathBuf::from(url.path())), 0)),
        ("redis" | "rediss", Some(_)) if database(&url).is_none() => wrong("the number of a database as its path"),
        ("rediss", Some(host)) => Some((RedisAddress::Tls { host, port, ca_pem }, database(&url)?)),
        ("redis", Some(host)) if loopback || written.insecure => {
            Some((RedisAddress::Tcp { host, port }, database(&url)?))
        }
        ("redis", Some(_)) => wrong("`rediss://` (plain redis is for loopback, or with `insecure: true`)"),
        _ => wrong("`rediss://host:6379/0`, `redis://127.0.0.1:6379/0` or `unix:///path`"),
    }
}

fn database(url: &Url) -> Option<i64> {
    match url.path().trim_start_matches('/') {
        "" => Some(0),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

fn authorities(written: &written::Redis, url: &Url, files: &mut Files<'_>, faults: &mut Faults) -> Option<Vec<u8>> {
    const PATH: &str = "replay.redis.ca_file";
    let file = written.ca_file.as_ref()?;
    if url.scheme() != "rediss" {
        faults.add(PATH, "is not used: `url` is not `rediss://`");
    }
    files.certificates(file, PATH, faults)
}
