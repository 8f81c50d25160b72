//! What the annotations of a pod ask for.

use super::envoy::Envoy;
use super::pod::Pod;
use super::{Refusal, Settings, names};

#[derive(Debug)]
pub(super) struct Wishes<'a> {
    /// The `ConfigMap` with `hopgate.yaml`.
    pub(super) config: &'a str,
    /// The `Secret` that is mounted beside it.
    pub(super) secrets: Option<&'a str>,
    pub(super) envoy: Envoy<'a>,
    /// Where the certificate of an Envoy that is added comes from.
    pub(super) certificate: Certificate<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate<'a> {
    Secret(&'a str),
    /// The volume source of the settings.
    Settings,
    None,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(pod: &Pod<'a>, settings: &Settings) -> Result<Self, Refusal> {
        let Some(config) = object_name(pod, names::CONFIG, "ConfigMap")? else {
            return Err(Refusal::new(format!(
                "annotation `{}` is missing: write the name of the ConfigMap that holds `hopgate.yaml`",
                names::CONFIG
            )));
        };
        let certificate = match object_name(pod, names::CERTIFICATE, "Secret")? {
            Some(name) => Certificate::Secret(name),
            None if settings.certificate.is_some() => Certificate::Settings,
            None => Certificate::None,
        };
        let secrets = object_name(pod, names::SECRETS, "Secret")?;
        Ok(Self { config, secrets, envoy: Envoy::of(pod)?, certificate })
    }
}

/// The annotation `key`, which names an object of the pod's namespace.
fn object_name<'a>(pod: &Pod<'a>, key: &str, kind: &str) -> Result<Option<&'a str>, Refusal> {
    match pod.annotation(key)? {
        Some(name) if !is_subdomain(name) => {
            Err(Refusal::new(format!("annotation `{key}` is `{name}`, expected the name of a {kind}")))
        }
        name => Ok(name),
    }
}

/// RFC 1123 section 2.1, as Kubernetes has it for names of objects.
fn is_subdomain(name: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= 253
        && name.split('.').all(|label| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|b| is_inner(*b))
                && bytes.last().is_some_and(|b| is_inner(*b))
                && bytes.iter().all(|b| is_inner(*b) || *b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::is_subdomain;

    #[test]
    fn names_of_objects_are_subdomains() {
        for good in ["a", "invoices-hopgate", "a.b-c.d0", "0"] {
            assert!(is_subdomain(good), "{good}");
        }
        let long = "a".repeat(254);
        for bad in ["", ".", "a.", ".a", "a..b", "-a", "a-", "A", "a_b", "a/b", "../a", "a b", "ä", long.as_str()] {
            assert!(!is_subdomain(bad), "{bad}");
        }
    }
}
