//! A service as its callers know it: its URLs, and what it says of itself (RFC 9728).

use std::collections::BTreeSet;

use serde_json::json;
use url::Url;

use super::faults::Faults;
use super::issuers::algorithm;
use super::written;
use crate::authz::{CanonicalPath, Metadata, TargetUrl};

pub(super) fn external_urls(written: &written::Service, path: &str, faults: &mut Faults) -> Vec<TargetUrl> {
    let Some(urls) = &written.external_urls else {
        return TargetUrl::parse(&written.audience).into_iter().collect();
    };
    let mut parsed = Vec::new();
    for (at, text) in urls.iter().enumerate() {
        match TargetUrl::parse(text).filter(|_| !text.contains(['?', '#'])) {
            Some(url) => parsed.push(url),
            None => faults.add(
                format_args!("{path}.external_urls[{at}]"),
                format_args!("found `{text}`, expected a URL such as `https://invoices.example`, without query"),
            ),
        }
    }
    parsed
}

/// The metadata of a service and where it is; `None` if its identifier is no URL and none is written.
pub(super) fn metadata(
    config: &written::Config,
    written: &written::Service,
    path: &str,
    faults: &mut Faults,
) -> Option<Metadata> {
    let url = match &written.resource_metadata {
        Some(text) => {
            let url = written_url(text);
            if url.is_none() {
                faults.add(
                    format_args!("{path}.resource_metadata"),
                    format_args!("found `{text}`, expected a URL whose path begins with `/.well-known/`"),
                );
            }
            url?
        }
        None => derived_url(&written.audience)?,
    };
    Some(Metadata { path: url.path().into(), url: url.as_str().into(), document: document(config, written).into() })
}

/// It is sent inside a quoted string, so it must hold neither quotes nor controls; and it is found
/// by its path, which must be one that can be asked for.
fn written_url(text: &str) -> Option<Url> {
    let plain = !text.contains(['"', '\\']) && text.bytes().all(|b| b.is_ascii_graphic());
    let url = Url::parse(text).ok().filter(|url| plain && url.host().is_some() && url.query().is_none())?;
    // Elsewhere it would make a path of the service public.
    let well_known = url.path().starts_with("/.well-known/");
    (well_known && CanonicalPath::parse(url.path()).is_ok()).then_some(url)
}

/// RFC 9728 section 3.1: the well-known path goes between host and path of the resource.
fn derived_url(audience: &str) -> Option<Url> {
    let mut url = Url::parse(audience).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    let resource_path = url.path().strip_suffix('/').filter(|rest| rest.is_empty()).unwrap_or(url.path()).to_owned();
    url.set_path(&format!("/.well-known/oauth-protected-resource{resource_path}"));
    url.set_fragment(None);
    url.set_query(None);
    Some(url)
}

/// RFC 9728 section 2. Members without a value are left out, as section 3.2 asks.
fn document(config: &written::Config, written: &written::Service) -> String {
    let rules: Vec<_> = written.routes.iter().flat_map(written::Route::rules).collect();
    let scopes: BTreeSet<_> = rules.iter().flat_map(|rule| &rule.scopes).collect();
    let approvals: BTreeSet<_> = rules.iter().filter_map(|rule| Some(&rule.approval.as_ref()?.kind)).collect();
    let issuers: Vec<_> = config.issuers.iter().map(|issuer| &issuer.issuer).collect();
    // Where no URL is known no proof can be for it.
    let dpop =
        written.external_urls.as_ref().map_or(TargetUrl::parse(&written.audience).is_some(), |urls| !urls.is_empty());
    let algorithms: Vec<_> = config.dpop.algorithms.iter().map(|name| algorithm(*name).name()).collect();
    let mut document = json!({
        "resource": written.audience,
        "authorization_servers": issuers,
        "bearer_methods_supported": ["header"],
        "resource_name": written.name,
        "tls_client_certificate_bound_access_tokens": true,
    });
    if let Some(members) = document.as_object_mut() {
        let optional = [
            ("scopes_supported", json!(scopes), !scopes.is_empty()),
            ("authorization_details_types_supported", json!(approvals), !approvals.is_empty()),
            ("dpop_signing_alg_values_supported", json!(algorithms), dpop),
        ];
        members
            .extend(optional.into_iter().filter(|(.., there)| *there).map(|(name, value, _)| (name.to_owned(), value)));
    }
    document.to_string()
}
