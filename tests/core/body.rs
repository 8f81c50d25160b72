//! Bodies are read strictly and once: whatever two readers could read in two ways is refused.

use hopgate::authz::{self, Body, Field, Outcome, ProtocolHeaders, Reason, Request, UnixTime};
use hopgate::live::State;

use crate::support::{Ask, KEY, NOW, state_of, token};

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - { name: mcp, match: { mcp: { path: /mcp } }, tools: { "*": {} } }
      - { name: put, match: { method: POST, path: /put }, body: json }
      - { name: rpc, match: { grpc: docs.v1.Docs/Put } }
      - { name: open, match: { methods: [GET, HEAD], path: /.well-known/agent-card.json }, public: true }
"#;

/// Read and understood, it passes.
const READ: Option<Reason> = None;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{}}}"#;

fn call(body: impl AsRef<[u8]>) -> Ask {
    Ask::json("/mcp", body).with("mcp-protocol-version", "2025-11-25")
}

#[test]
fn bodies_that_could_be_read_in_two_ways_are_refused() {
    let state = state_of(CONFIG, &[]);
    assert_eq!(call(CALL).tried(&state), READ);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"a","arguments":{{"x":{}{}}}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let with = |inside: &str| CALL.replace(r#""name":"a""#, inside);
    let malformed = [
        String::new(),
        " ".to_owned(),
        "not json".to_owned(),
        format!("\u{feff}{CALL}"),
        format!("{CALL}{CALL}"),
        format!("{CALL} x"),
        format!("{CALL}\0"),
        format!("// a comment\n{CALL}"),
        CALL.replace(r#""id":1"#, r#""id":NaN"#),
        CALL.replace(r#""id":1"#, r#""id":1,"id":2"#),
        CALL.replace(r#""method":"tools/call""#, r#""method":"tools/list","method":"tools/call""#),
        CALL.replace(r#""method":"tools/call""#, r#""method":"tools/list","meth\u006fd":"tools/call""#),
        CALL.replace(r#""method":"tools/call""#, r#""method":"tools/list","Method":"tools/call""#),
        with(r#""name":"a","name":"b""#),
        with(r#""name":"a","NAME":"b""#),
        with(r#""name":"a","n\u0061me":"b""#),
        CALL.replace(r#""arguments":{}"#, r#""arguments":{"id":1,"id":2}"#),
        CALL.replace(r#""arguments":{}"#, r#""arguments":{"x":[{"id":1,"iD":2}]}"#),
        deep,
    ];
    for body in malformed {
        assert_eq!(call(&body).tried(&state), Some(Reason::BodyMalformed), "{body}");
    }
    for (body, reason) in [
        (format!("[{CALL}]"), Reason::CallBatched),
        ("[]".to_owned(), Reason::CallBatched),
        ("[{}]".to_owned(), Reason::CallBatched),
        ("{}".to_owned(), Reason::CallMalformed),
        ("null".to_owned(), Reason::CallMalformed),
        (CALL.replace("jsonrpc", "JSONRPC"), Reason::CallMalformed),
        (CALL.replace(r#""method""#, r#""Method""#), Reason::CallMalformed),
        (CALL.replace(r#""params""#, r#""Params""#), Reason::CallMalformed),
        (with(r#""Name":"a""#), Reason::ParamsMalformed),
        (with("\"n\u{e4}me\":\"a\""), Reason::ParamsMalformed),
        (with(r#""name":["a"]"#), Reason::ParamsMalformed),
        (with(r#""name":null"#), Reason::ParamsMalformed),
        (with(r#""name":"""#), Reason::ParamsMalformed),
        (with(r#""name":"a","Arguments":{"id":1}"#).replace(r#","arguments":{}"#, ""), Reason::ParamsMalformed),
        (CALL.replace(r#""arguments":{}"#, r#""arguments":[]"#), Reason::ParamsMalformed),
    ] {
        assert_eq!(call(&body).tried(&state), Some(reason), "{body}");
    }
}

#[test]
fn a_body_is_read_as_what_it_is_said_to_be() {
    let state = state_of(CONFIG, &[]);
    for content_type in ["application/json", "Application/JSON", "application/json; charset=utf-8"] {
        assert_eq!(call(CALL).with("content-type", content_type).tried(&state), READ, "{content_type}");
    }
    for content_type in ["", "text/plain", "application/json, text/plain", "application/json; charset=utf-16"] {
        let refused = call(CALL).with("content-type", content_type).tried(&state);
        assert_eq!(refused, Some(Reason::ContentTypeWrong), "{content_type}");
    }
    assert_eq!(call(CALL).without("content-type").tried(&state), Some(Reason::ContentTypeWrong));
    assert_eq!(call(CALL).with("content-encoding", "identity").tried(&state), READ);
    for coding in ["gzip", "identity, gzip", ""] {
        let refused = call(CALL).with("content-encoding", coding).tried(&state);
        assert_eq!(refused, Some(Reason::BodyEncoded), "{coding}");
    }
}

#[test]
fn a_body_that_is_not_there_whole_and_unchanged_decides_nothing() {
    let state = state_of(CONFIG, &[]);
    let spaces = vec![b' '; 65_537];
    for (body, reason) in [
        (Body::NotAttached, Reason::BodyMissing),
        (Body::CutOff, Reason::BodyCutOff),
        (Body::Rewritten, Reason::BodyRewritten),
        (Body::Whole(b""), Reason::BodyMalformed),
        (Body::Whole(&spaces), Reason::BodyTooLarge),
        (Body::Whole(spaces.get(1..).unwrap()), Reason::BodyMalformed),
        (Body::Whole(b"\xff"), Reason::BodyMalformed),
    ] {
        for path in ["/mcp", "/put"] {
            let authorization = format!("Bearer {}", token().sign(&KEY).unwrap());
            let request = Request {
                method: "POST",
                target: path,
                authorization: Field::Once(authorization.as_bytes()),
                body,
                headers: ProtocolHeaders {
                    content_type: Field::Once(b"application/json"),
                    mcp_revision: Field::Once(b"2025-11-25"),
                    ..ProtocolHeaders::default()
                },
                ..Request::default()
            };
            let outcome = authz::evaluate(&state.snapshot, &request, UnixTime::from_secs(NOW)).outcome;
            assert!(matches!(outcome, Outcome::Refused(found) if found == reason), "{path} {body:?}: {outcome:?}");
        }
    }
}

#[test]
fn a_json_route_takes_one_object() {
    let state = state_of(CONFIG, &[]);
    assert_eq!(Ask::json("/put", "{\"a\":1}").tried(&state), READ);
    for body in ["[]", "1", "{\"a\":1,\"A\":2}", "{\"a\":1}{}"] {
        assert_eq!(Ask::json("/put", body).tried(&state), Some(Reason::BodyMalformed), "{body}");
    }
}

#[test]
fn a_grpc_route_is_for_grpc() {
    let state = state_of(CONFIG, &[]);
    let ask = |path: &str, content_type: &str| {
        Ask { method: "POST", path: path.to_owned(), ..Ask::default() }.with("content-type", content_type).tried(&state)
    };
    for content_type in ["application/grpc", "application/grpc+proto"] {
        assert_eq!(ask("/docs.v1.Docs/Put", content_type), READ, "{content_type}");
    }
    for content_type in ["application/json", "application/grpc-web", "application/grpcx", ""] {
        assert_eq!(ask("/docs.v1.Docs/Put", content_type), Some(Reason::ContentTypeWrong), "{content_type}");
    }
    for path in ["/docs.v1.Docs/put", "/docs.v2.Docs/Put", "/docs.v1.Docs/Put/", "/x/docs.v1.Docs/Put"] {
        assert_eq!(ask(path, "application/grpc"), Some(Reason::RouteUnknown), "{path}");
    }
}

#[test]
fn a_public_route_needs_no_token_and_knows_nobody() {
    let state: State = state_of(CONFIG, &[]);
    let evaluation = Ask::get("/.well-known/agent-card.json").of(&state);
    assert!(matches!(evaluation.outcome, Outcome::Permitted(_)));
    assert!(evaluation.findings.token.claims().is_none() && evaluation.findings.rule.is_none());
    assert_eq!(Ask::get("/.well-known/agent-card.jso").refused(&state), Some(Reason::RouteUnknown));
    let post = Ask::json("/.well-known/agent-card.json", "{}");
    assert_eq!(post.refused(&state), Some(Reason::RouteUnknown));
}

#[test]
fn what_may_be_called_is_nothing_that_strangers_learn() {
    let state = state_of(CONFIG, &[]);
    for body in [CALL, "[]", "{", "{\"a\":1,\"a\":2}"] {
        assert_eq!(call(body).refused(&state), Some(Reason::CredentialMissing), "{body}");
        let expired = token().issued_at(u64::try_from(NOW).unwrap() - 10_000);
        assert_eq!(call(body).token(&expired).refused(&state), Some(Reason::TokenExpired), "{body}");
        let elsewhere = token().audiences(["https://elsewhere.example"]);
        assert_eq!(call(body).token(&elsewhere).refused(&state), Some(Reason::AudienceMismatch), "{body}");
    }
}
