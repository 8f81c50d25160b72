//! What must come of a row, and the same words for what did.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

pub(crate) enum Expected {
    /// 200, and what the service behind must have seen.
    Allowed(&'static [Sees]),
    Refused {
        status: u16,
        /// In `WWW-Authenticate`.
        error: Option<&'static str>,
        /// In the decision record.
        reason: &'static str,
        /// That hopgate was shown, where it is not the one that was sent.
        path: Option<&'static str>,
        /// The policy that refused it.
        policy: Option<&'static str>,
        /// Parameters of the challenge.
        tells: &'static [(&'static str, &'static str)],
    },
    /// 200 and the service's metadata (RFC 9728), by hopgate.
    Described,
    /// HTTP 200 and this `grpc-status`.
    RefusedGrpc { code: u8, error: Option<&'static str>, reason: &'static str },
    /// Answered before hopgate was asked.
    ByEnvoy(u16),
    /// The TLS alert of a handshake that Envoy refused.
    Tls(&'static str),
}

/// One thing of the request as the service behind Envoy got it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sees {
    Header(&'static str, &'static str),
    No(&'static str),
    Path(&'static str),
}

pub(crate) const fn allowed(sees: &'static [Sees]) -> Expected {
    Expected::Allowed(sees)
}

pub(crate) const fn refused(status: u16, error: &'static str, reason: &'static str) -> Expected {
    Expected::Refused { status, error: Some(error), reason, path: None, policy: None, tells: &[] }
}

/// Refused without an `error`: RFC 6750 section 3.1 wants none where there was no credential, and no challenge helps
/// where nothing is ever allowed.
pub(crate) const fn refused_plainly(status: u16, reason: &'static str) -> Expected {
    Expected::Refused { status, error: None, reason, path: None, policy: None, tells: &[] }
}

/// No route leads to `path`, which Envoy made of what was sent.
pub(crate) const fn no_route_to(path: &'static str) -> Expected {
    Expected::Refused { status: 403, error: None, reason: "route_unknown", path: Some(path), policy: None, tells: &[] }
}

/// Refused by one policy, and the record names it.
pub(crate) const fn refused_by(policy: &'static str) -> Expected {
    Expected::Refused {
        status: 403,
        error: None,
        reason: "policy_denied",
        path: None,
        policy: Some(policy),
        tells: &[],
    }
}

impl Expected {
    /// And the challenge says so.
    pub(crate) fn telling(mut self, parameters: &'static [(&'static str, &'static str)]) -> Self {
        if let Self::Refused { tells, .. } = &mut self {
            *tells = parameters;
        }
        self
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed(sees) => {
                f.write_str("200 allowed")?;
                sees.iter().try_for_each(|seen| write!(f, ", {seen}"))
            }
            Self::Refused { status, error, reason, path, policy, tells } => {
                f.write_str(&refusal(&status.to_string(), *error, reason))?;
                f.write_str(&path.map(shown_path).unwrap_or_default())?;
                f.write_str(&policy.map(by_policy).unwrap_or_default())?;
                tells.iter().try_for_each(|(name, value)| f.write_str(&told(name, Some(value))))
            }
            Self::RefusedGrpc { code, error, reason } => {
                f.write_str(&refusal(&format!("grpc-status {code}"), *error, reason))
            }
            Self::Described => f.write_str(&described(true)),
            Self::ByEnvoy(status) => f.write_str(&by_envoy(*status)),
            Self::Tls(alert) => f.write_str(&tls(alert)),
        }
    }
}

pub(crate) fn refusal(status: &str, error: Option<&str>, reason: &str) -> String {
    match error {
        Some(error) => format!("{status} {error}: {reason}"),
        None => format!("{status}: {reason}"),
    }
}

pub(crate) fn shown_path(path: &str) -> String {
    format!(", path {path}")
}

pub(crate) fn by_policy(id: &str) -> String {
    format!(" by {id}")
}

pub(crate) fn told(name: &str, value: Option<&str>) -> String {
    format!(", {name} {}", value.unwrap_or("not told"))
}

/// JSON for people: names in order and without quotes, and spaces where a line may break.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().map(|(name, value)| (name, plain(value))).collect();
            let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

pub(crate) fn described(rightly: bool) -> String {
    format!("200 by hopgate, names {}", if rightly { "the service and its issuer" } else { "others" })
}

pub(crate) fn by_envoy(status: u16) -> String {
    format!("{status}, answered by Envoy")
}

pub(crate) fn tls(alert: &str) -> String {
    format!("no TLS, Envoy's alert: {alert}")
}

impl fmt::Display for Sees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, value) => write!(f, "{name}: {value}"),
            Self::No(name) => write!(f, "no {name}"),
            Self::Path(path) => write!(f, "path {path}"),
        }
    }
}
