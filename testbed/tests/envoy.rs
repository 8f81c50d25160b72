//! Envoy itself, doing what the typed config says.
#![expect(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod support;

use std::time::Duration;

use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use serde_json::Value;
use support::authz::Recorder;
use support::certs::TrustDomain;
use support::get;
use tempfile::TempDir;
use testbed::envoy::{
    Authorization, Config, Envoy, ExtAuthz, Hcm, JwtAuthn, Listener, RequestBody, Route, Upstream, validate,
    wait_for_access,
};
use testbed::{Error, SocketDir, ports};

fn start(listener: Listener) -> Envoy {
    Envoy::start(&Config::new("test").listener(listener)).expect("a running Envoy")
}

fn inbound(authorization: impl Into<Authorization>) -> Listener {
    Listener {
        authorization: authorization.into(),
        routes: vec![Route::respond(200, "in")],
        ..Listener::new("inbound")
    }
}

#[test]
fn envoy_accepts_every_switch() {
    let sockets = SocketDir::new().expect("a directory");
    let domain = TrustDomain::new("demo.local", sockets.root());
    let service = Upstream { http2: true, ..Upstream::at(([127, 0, 0, 1], 1)) };
    let authz = ExtAuthz {
        failure_mode_allow: true,
        validate_mutations: false,
        encode_raw_headers: false,
        include_peer_certificate: false,
        include_tls_session: false,
        request_body: Some(RequestBody::default()),
        timeout: Duration::from_millis(200),
        ..ExtAuthz::at(sockets.path("check"))
    };
    let inbound = Listener {
        mtls: Some(domain.mtls("invoices")),
        hcm: Hcm {
            normalize_path: false,
            merge_slashes: false,
            reject_escaped_slashes: false,
            sanitize_client_cert: false,
        },
        routes: vec![
            Route { unbuffered: true, ..Route::to(service.clone()).under("/mcp").context("service", "tools") },
            Route { unchecked: true, ..Route::respond(200, "ok").under("/healthz") },
            Route::to(service.clone()),
        ],
        access_log: Some(sockets.root().join("access.log")),
        ..inbound(authz)
    };
    let next_hop = Upstream { mtls: Some(domain.mtls("invoices").only(domain.spiffe("research"))), ..service };
    let config = Config::new("invoices").listener(inbound).listener(Listener::egress("egress", next_hop));
    validate(&config).expect("Envoy accepts it");
}

#[test]
fn a_config_that_envoy_refuses_is_told_in_its_words() {
    let filter = JwtAuthn {
        issuer: "https://issuer.test".to_owned(),
        audience: "https://service.test".to_owned(),
        jwks: "no JWKS".to_owned(),
        cached_tokens: None,
    };
    let config = Config::new("test").listener(inbound(filter));
    let error = validate(&config).expect_err("a broken key set");
    assert!(error.to_string().contains("jwks"), "{error}");
    let error = Envoy::start(&config).expect_err("the same");
    assert!(matches!(&error, Error::Ended { stderr, .. } if stderr.contains("jwks")), "{error}");
}

#[test]
fn without_authorization_every_request_passes() {
    let envoy = start(inbound(Authorization::None));
    let address = envoy.address("inbound").expect("the listener");
    assert_eq!(get(address, "/"), (200, "in".to_owned()));
    let error = envoy.address("outbound").expect_err("not configured");
    assert!(error.to_string().contains("inbound"), "{error}");
}

#[test]
fn jwt_authn_refuses_a_request_without_token() {
    let envoy = start(inbound(JwtAuthn {
        issuer: "https://issuer.test".to_owned(),
        audience: "https://service.test".to_owned(),
        // RFC 7517 appendix A.1
        jwks: r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1","alg":"ES256",
            "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#
            .to_owned(),
        cached_tokens: Some(100),
    }));
    assert_eq!(get(envoy.address("inbound").expect("the listener"), "/").0, 401);
}

#[test]
fn an_unreachable_authorization_server_refuses_unless_failures_are_allowed() {
    let sockets = SocketDir::new().expect("a directory");
    let closed = ExtAuthz::at(sockets.path("nobody"));
    let open = ExtAuthz { failure_mode_allow: true, ..closed.clone() };
    let by_tcp = ExtAuthz::at(ports::free().expect("a free port"));
    for (filter, expected) in [(closed, 503), (open, 200), (by_tcp, 503)] {
        let envoy = start(inbound(filter.clone()));
        let (status, _) = get(envoy.address("inbound").expect("the listener"), "/");
        assert_eq!(status, expected, "{filter:?}");
    }
}

#[test]
fn path_settings_decide_what_reaches_authorization() {
    let sockets = SocketDir::new().expect("a directory");
    let recorder = Recorder::start(&sockets.path("check"));
    let seen = |hcm| {
        let envoy = start(Listener { hcm, ..inbound(ExtAuthz::at(sockets.path("check"))) });
        let address = envoy.address("inbound").expect("the listener");
        let escaped = get(address, "/a%2Fb").0;
        get(address, "/a//b");
        (http(&recorder).path, escaped)
    };
    assert_eq!(seen(Hcm::default()), ("/a/b".to_owned(), 400));
    let as_it_came = Hcm { merge_slashes: false, reject_escaped_slashes: false, ..Hcm::default() };
    assert_eq!(seen(as_it_came), ("/a//b".to_owned(), 200));
}

fn http(recorder: &Recorder) -> HttpRequest {
    let attributes = recorder.last().attributes.expect("attributes");
    attributes.request.and_then(|request| request.http).expect("an HTTP request")
}

#[test]
fn repeated_headers_are_kept_apart_only_when_raw() {
    let sockets = SocketDir::new().expect("a directory");
    let recorder = Recorder::start(&sockets.path("check"));
    for raw in [true, false] {
        let envoy = start(inbound(ExtAuthz { encode_raw_headers: raw, ..ExtAuthz::at(sockets.path("check")) }));
        get(envoy.address("inbound").expect("the listener"), "/");
        let http = http(&recorder);
        let kept = http.header_map.map_or(0, |map| map.headers.iter().filter(|header| header.key == "x-twice").count());
        let joined = http.headers.get("x-twice").cloned();
        let expected = if raw { (2, None) } else { (0, Some("one,two".to_owned())) };
        assert_eq!((kept, joined), expected);
    }
}

#[test]
fn bodies_are_shown_to_authorization_byte_by_byte_but_for_the_routes_that_are_taken_out() {
    let sockets = SocketDir::new().expect("a directory");
    let recorder = Recorder::start(&sockets.path("check"));
    let upload = Route { unbuffered: true, ..Route::respond(200, "in").under("/upload") };
    let authz = ExtAuthz { request_body: Some(RequestBody::default()), ..ExtAuthz::at(sockets.path("check")) };
    let envoy = start(Listener { routes: vec![upload, Route::respond(200, "in")], ..inbound(authz) });
    let address = envoy.address("inbound").expect("the listener");
    let body = b"no UTF-8: \xff".as_slice();
    for (path, shown) in [("/mcp", body), ("/upload", b"")] {
        let answer = ureq::post(format!("http://{address}{path}")).send(body).expect("allowed");
        assert_eq!(answer.status(), 200);
        let http = http(&recorder);
        assert_eq!((http.raw_body.as_slice(), http.body.as_str()), (shown, ""), "{path}");
    }
}

#[test]
fn a_call_by_mtls_shows_authorization_who_calls_which_service() {
    let sockets = SocketDir::new().expect("a directory");
    let domain = TrustDomain::new("demo.local", sockets.root());
    let log = sockets.root().join("access.log");
    let recorder = Recorder::start(&sockets.path("check"));
    let server = start(Listener {
        mtls: Some(domain.mtls("invoices")),
        routes: vec![Route::respond(200, "in").context("service", "invoices")],
        access_log: Some(log.clone()),
        ..inbound(ExtAuthz::at(sockets.path("check")))
    });
    let client = start(Listener::egress(
        "egress",
        Upstream {
            http2: true,
            mtls: Some(domain.mtls("planner").only(domain.spiffe("invoices"))),
            ..Upstream::at(server.address("inbound").expect("the listener"))
        },
    ));
    let (status, _) = get(client.address("egress").expect("the listener"), "/invoices");
    assert_eq!(status, 200);

    let attributes = recorder.last().attributes.expect("attributes");
    assert_eq!(attributes.context_extensions.get("service").map(String::as_str), Some("invoices"));
    let peer = attributes.source.expect("a peer");
    assert_eq!(peer.principal, "spiffe://demo.local/planner");
    assert!(peer.certificate.contains("BEGIN%20CERTIFICATE"), "{}", peer.certificate);

    let line =
        wait_for_access(&log, Duration::from_secs(5), |line| line.get("path") == Some(&Value::from("/invoices")))
            .expect("a line");
    assert_eq!(line.pointer("/authz/decision_id"), Some(&Value::from("d-1")), "{line}");
    assert_eq!(line.get("peer"), Some(&Value::from("spiffe://demo.local/planner")), "{line}");
}

#[test]
fn mtls_refuses_a_peer_of_another_trust_domain_and_a_server_with_another_id() {
    let dir = TempDir::new().expect("a directory");
    let ours = TrustDomain::new("demo.local", dir.path());
    let theirs = TrustDomain::new("other.local", dir.path());
    let server = start(Listener { mtls: Some(ours.mtls("invoices")), ..inbound(Authorization::None) });
    let address = server.address("inbound").expect("the listener");
    let mut stranger = ours.mtls("planner");
    stranger.identity = theirs.identity("planner");
    let wrong_server = ours.mtls("planner").only(ours.spiffe("research"));
    let right = ours.mtls("planner").only(ours.spiffe("invoices"));
    for (mtls, expected) in [(stranger, 503), (wrong_server, 503), (right, 200)] {
        let client = start(Listener::egress("egress", Upstream { mtls: Some(mtls), ..Upstream::at(address) }));
        let (status, body) = get(client.address("egress").expect("the listener"), "/");
        assert_eq!(status, expected, "{body}");
    }
}
