//! The `otlp` section of the configuration.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use super::faults::Faults;
use super::files::Files;
use super::settings::OtlpSettings;
use super::written;

/// The process waits for so long at its end.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Headers that the protocol itself has a say in.
const RESERVED: [&str; 3] = ["te", "content-type", "user-agent"];

pub(super) fn build(
    written: &written::Otlp,
    files: &mut Files<'_>,
    faults: &mut Faults,
    warnings: &mut Faults,
) -> Option<OtlpSettings> {
    if written.timeout.0.is_zero() || written.timeout.0 > LONGEST_TIMEOUT {
        faults.add("otlp.timeout", "must be from 1ms to 10s");
    }
    if !written.traces && !written.logs {
        warnings.add("otlp", "nothing is sent: neither `traces` nor `logs`");
    }
    if written.insecure {
        warnings.add("otlp.insecure", "whoever is between hopgate and the collector reads who did what for whom");
    }
    let endpoint = endpoint(written, faults);
    let ca_pem = written.ca_file.as_ref().and_then(|file| files.certificates(file, "otlp.ca_file", faults));
    if written.ca_file.is_some() && endpoint.as_ref().is_some_and(|url| url.scheme() != "https") {
        faults.add("otlp.ca_file", "is not used: `endpoint` is not `https://`");
    }
    let headers = match &written.headers_file {
        Some(file) => headers(&files.read(file, "otlp.headers_file", faults)?, file, faults),
        None => HeaderMap::new(),
    };
    Some(OtlpSettings {
        endpoint: endpoint?,
        ca_pem,
        headers,
        timeout: written.timeout.0,
        traces: written.traces,
        logs: written.logs,
    })
}

fn endpoint(written: &written::Otlp, faults: &mut Faults) -> Option<Url> {
    const PATH: &str = "otlp.endpoint";
    // Never shown whole before this is known: it may hold a password.
    let url = Url::parse(&written.endpoint).ok().filter(|url| url.username().is_empty() && url.password().is_none());
    let bare = url.filter(|url| matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none());
    let Some(url) = bare else {
        let words = "expected a URL such as `https://collector.example:4317`, with no path and no credentials: they belong in `headers_file`";
        faults.add(PATH, words);
        return None;
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Some(url),
        "http" if loopback || written.insecure => Some(url),
        _ => {
            faults.add(
                PATH,
                format_args!(
                    "found `{url}`, expected `https://` (`http://` is for loopback, or with `insecure: true`)"
                ),
            );
            None
        }
    }
}

fn headers(text: &[u8], file: &str, faults: &mut Faults) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let lines = text.split(|byte| *byte == b'\n').zip(1..).map(|(line, at)| (line.trim_ascii(), at));
    for (line, at) in lines.filter(|(line, _)| !line.is_empty()) {
        match header(line) {
            Some((name, value)) => {
                headers.append(name, value);
            }
            // Not the line itself, which is a secret.
            None => faults.add(
                "otlp.headers_file",
                format_args!("`{file}`, line {at}: expected `name: value`, and no header of gRPC's own"),
            ),
        }
    }
    headers
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(line.get(..colon)?.trim_ascii()).ok()?;
    let mut value = HeaderValue::from_bytes(line.get(colon.checked_add(1)?..)?.trim_ascii()).ok()?;
    value.set_sensitive(true);
    let known = name.as_str();
    let taken = RESERVED.contains(&known) || known.starts_with("grpc-") || known.ends_with("-bin");
    (!taken && value.to_str().is_ok()).then_some((name, value))
}
