//! Fetching one issuer's key set, from a server that may be slow, wrong or hostile.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url, redirect};
use serde_json::Value;
use thiserror::Error;

use crate::authz::{Algorithm, KeySet, KeySetError, parse_object};
use crate::config::{KeyLocation, RemoteKeys, is_safe};

/// Longest time for one request, connection included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest document read, bytes.
const MAX_BODY: usize = 512 * 1024;

/// Why there are no new keys.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("the HTTP client can't be built: {0}")]
    Client(#[source] reqwest::Error),
    #[error("`{url}` can't be fetched: {}", causes(.source))]
    Transport { url: Box<str>, source: reqwest::Error },
    #[error("`{url}` answered {status}, expected 200 (redirects are not followed)")]
    Status { url: Box<str>, status: StatusCode },
    #[error("`{url}` sent more than {MAX_BODY} bytes")]
    TooLarge { url: Box<str> },
    #[error("`{url}` sent no usable key set: {source}")]
    Keys { url: Box<str>, source: KeySetError },
    #[error("`{url}` is no metadata of `{issuer}`: {what}")]
    Metadata { url: Box<str>, issuer: Box<str>, what: String },
}

/// Fetches the keys of `issuer` that `algorithms` can use.
///
/// # Errors
/// Anything but a key set, in time and in size, from where the operator said.
pub async fn fetch(issuer: &str, keys: &RemoteKeys, algorithms: &[Algorithm]) -> Result<KeySet, FetchError> {
    let uri = match &keys.location {
        KeyLocation::JwksUri(uri) => uri.clone(),
        KeyLocation::Discovery(url) => discover(keys, issuer, url).await?,
    };
    let body = get(keys, &uri).await?;
    KeySet::parse(&body, algorithms).map_err(|source| FetchError::Keys { url: shown(&uri), source })
}

fn client(keys: &RemoteKeys, url: &Url) -> Result<Client, FetchError> {
    let mut builder = Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("hopgate/", env!("CARGO_PKG_VERSION")));
    if url.scheme() == "http" {
        // Plain http is for loopback, where nobody is on the way. A proxy would be.
        builder = builder.no_proxy();
    }
    if let Some(pem) = &keys.ca_pem {
        for certificate in reqwest::Certificate::from_pem_bundle(pem).map_err(FetchError::Client)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(FetchError::Client)
}

/// RFC 8414 section 3: the well-known path goes between host and path of the issuer. `OpenID`
/// Connect Discovery section 4 appends its own instead; it is tried second.
async fn discover(keys: &RemoteKeys, issuer: &str, url: &Url) -> Result<Url, FetchError> {
    let path = url.path().trim_end_matches('/');
    let mut rfc8414 = url.clone();
    rfc8414.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    let mut openid = url.clone();
    openid.set_path(&format!("{path}/.well-known/openid-configuration"));
    let (document, body) = match get(keys, &rfc8414).await {
        Ok(body) => (rfc8414, body),
        Err(FetchError::Status { .. }) => {
            let body = get(keys, &openid).await?;
            (openid, body)
        }
        Err(error) => return Err(error),
    };
    jwks_uri(&body, issuer, keys.insecure).map_err(|what| FetchError::Metadata {
        url: shown(&document),
        issuer: issuer.into(),
        what,
    })
}

fn jwks_uri(body: &[u8], issuer: &str, insecure: bool) -> Result<Url, String> {
    let document = parse_object(body).map_err(|error| error.to_string())?;
    let member = |name: &str| document.get(name).and_then(Value::as_str).ok_or(format!("no `{name}`"));
    // RFC 8414 section 3.3: the issuer returned "MUST be identical" to the one it was asked for.
    let named = member("issuer")?;
    if named != issuer {
        return Err(format!("it names issuer `{}`", crate::audit::clean(named)));
    }
    let uri = Url::parse(member("jwks_uri")?).map_err(|error| format!("`jwks_uri`: {error}"))?;
    // Plain http on loopback is for issuers that are there themselves: a remote one must not send
    // us to our own machine.
    let as_safe = uri.scheme() == "https" || !issuer.starts_with("https:");
    if as_safe && is_safe(&uri, insecure) { Ok(uri) } else { Err("`jwks_uri` is not https".to_owned()) }
}

async fn get(keys: &RemoteKeys, url: &Url) -> Result<Vec<u8>, FetchError> {
    let transport = |source: reqwest::Error| FetchError::Transport { url: shown(url), source: source.without_url() };
    let mut response =
        client(keys, url)?.get(url.clone()).header("accept", "application/json").send().await.map_err(transport)?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: shown(url), status: response.status() });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len().saturating_add(chunk.len()) > MAX_BODY {
            return Err(FetchError::TooLarge { url: shown(url) });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// `url` as the log may have it: some issuers are asked with a secret in the query, and metadata may name any URL.
fn shown(url: &Url) -> Box<str> {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Only a URL without a host refuses these, and it can't have them.
    let (Ok(()) | Err(())) = url.set_username("");
    let (Ok(()) | Err(())) = url.set_password(None);
    url.as_str().into()
}

/// An error with all that caused it: reqwest's own text stops at "error sending request".
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_what_may_be_secret() {
        for url in ["https://as.example/keys", "https://me:open@as.example/keys?key=open#open"] {
            assert_eq!(&*shown(&Url::parse(url).unwrap()), "https://as.example/keys");
        }
    }

    #[test]
    fn metadata_leads_to_https_or_where_the_issuer_itself_is() {
        let found = |issuer: &str, uri: &str| {
            let body = serde_json::json!({ "issuer": issuer, "jwks_uri": uri }).to_string();
            jwks_uri(body.as_bytes(), issuer, false).is_ok()
        };
        for (issuer, uri, expected) in [
            ("https://as.example", "https://keys.example/jwks", true),
            ("https://as.example", "http://keys.example/jwks", false),
            ("https://as.example", "http://127.0.0.1:9902/metrics", false),
            ("https://as.example", "file:///etc/passwd", false),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/jwks", true),
            ("http://127.0.0.1:9000", "http://keys.example/jwks", false),
        ] {
            assert_eq!(found(issuer, uri), expected, "{issuer} {uri}");
        }
    }
}
