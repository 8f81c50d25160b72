//! What keeps web pages of others away: a browser on this machine reaches loopback for any of them.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Nothing but what comes from here.
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                       img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, CONTENT),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) async fn headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses whoever asks for another host than this machine: a page whose name was made to lead here
/// (DNS rebinding) is of the same origin as we are, but its requests still carry its name.
pub(super) async fn own_host(request: Request, next: Next) -> Response {
    let host = match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST).and_then(|host| host.to_str().ok()),
    };
    if !host.is_some_and(is_loopback) {
        return (StatusCode::MISDIRECTED_REQUEST, "ask for localhost or a loopback address\n").into_response();
    }
    if is_foreign(request.method(), request.headers()) {
        return (StatusCode::FORBIDDEN, "another site asks\n").into_response();
    }
    next.run(request).await
}

/// Whether a web page of somebody else has the browser ask: it could not read the answer, but hold a follower's place. It
/// may be left for our page by a link.
fn is_foreign(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let (site, mode) =
        (text(HeaderName::from_static("sec-fetch-site")), text(HeaderName::from_static("sec-fetch-mode")));
    let by_link = *method == Method::GET && mode == Some("navigate");
    let origin = text(ORIGIN).map(|origin| origin.strip_prefix("http://").is_some_and(is_loopback));
    origin == Some(false) || site.is_some_and(|site| !matches!(site, "same-origin" | "none") && !by_link)
}

/// Only what speaks gRPC may ask for a stream of it; a web page can't say so without being asked whether it may.
pub(super) async fn grpc_only(request: Request, next: Next) -> Response {
    let spoken =
        request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if spoken { next.run(request).await } else { StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response() }
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_others_may_only_lead_here() {
        let asked = |method: Method, headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_foreign(&method, &headers.collect())
        };
        for (method, headers) in [
            (Method::POST, [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")].as_slice()),
            (Method::GET, &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")]),
            (Method::POST, &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]),
            (Method::GET, &[("origin", "https://evil.example")]),
            (Method::GET, &[("origin", "null")]),
        ] {
            assert!(asked(method, headers), "{headers:?}");
        }
        for headers in [
            [].as_slice(),
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")],
            &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
            &[("origin", "http://127.0.0.1:9903"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(!asked(Method::GET, headers), "{headers:?}");
        }
    }

    #[test]
    fn only_names_of_this_machine_are_own_hosts() {
        for host in ["localhost", "LOCALHOST:9903", "127.0.0.1:9903", "127.9.9.9", "[::1]:9903"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:9903",
            "0.0.0.0",
            "10.0.0.1",
            "::1 x",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
