//! The credential of a call: STANDARDS section 1.6 and section 12, 1 to 13.

use crate::support::{Call, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn one_bearer_token_in_one_authorization_header() {
    let gate = Plan::new().start();
    let token = gate.token();
    let bearer = format!("Bearer {token}");
    let with = |value: &str| Call::get("/open").header("authorization", value);
    let missing = "401 unauthorized credential_missing";
    let scheme = "401 unauthorized scheme_unsupported";
    let malformed = "400 invalid_request credential_malformed";
    let repeated = "400 invalid_request header_repeated";
    let twice = "400 invalid_request credential_twice";
    for (name, call, expected) in [
        ("1 two headers", with(&bearer).header("authorization", &bearer), repeated),
        ("1 two headers, one of them empty", with(&bearer).header("authorization", ""), repeated),
        ("1 two spellings of the name", with(&bearer).header("Authorization", &bearer), repeated),
        ("1 joined by Envoy", with(&format!("{bearer},{bearer}")), repeated),
        ("2 two in one", with("Bearer a,Bearer b"), repeated),
        ("a comma at the end", with(&format!("{bearer},")), repeated),
        ("4 header and query", Call::get("/open?access_token=x").bearer(&token), twice),
        ("4 header and query, escaped", Call::get("/open?a=1&acce%73s_token=x").bearer(&token), twice),
        ("4 header and query, nothing in it", Call::get("/open?access_token").bearer(&token), twice),
        ("5 only in the query", Call::get(&format!("/open?access_token={token}")), missing),
        ("another parameter", Call::get("/open?token=x&xaccess_token=y").bearer(&token), "ok"),
        ("7 lower case", with(&format!("bearer {token}")), "ok"),
        ("7 upper case", with(&format!("BEARER {token}")), "ok"),
        ("8 no token", with("Bearer"), malformed),
        ("8 a space for a token", with("Bearer "), malformed),
        ("8 two words", with("Bearer x y"), malformed),
        ("8 a tab", with(&format!("Bearer\t{token}")), malformed),
        ("8 quotes", with(&format!("Bearer \"{token}\"")), malformed),
        ("8 several spaces", with(&format!("Bearer    {token}")), "ok"),
        ("a parameter", with(&format!("Bearer token={token}")), malformed),
        ("a line break", with(&format!("Bearer {token}\r\nx: y")), malformed),
        ("a NUL", with(&format!("Bearer {token}\0")), malformed),
        ("10 in a cookie", Call::get("/open").header("cookie", format!("access_token={token}")), missing),
        ("10 in another header", Call::get("/open").header("x-access-token", &token), missing),
        ("10 as the client's own proxy header", Call::get("/open").header("proxy-authorization", &bearer), missing),
        ("11 white space around", with(&format!(" \t{bearer}\t ")), "ok"),
        ("13 an empty header", with(""), missing),
        ("13 white space", with(" \t "), missing),
        ("no header", Call::get("/open"), missing),
        ("Basic", with("Basic YWxpY2U6c2VjcmV0"), scheme),
        ("76 DPoP, unbound", with(&format!("DPoP {token}")), "401 invalid_token token_not_bound"),
        ("the token alone", with(&token), scheme),
        ("no scheme", with(&format!("(Bearer) {token}")), malformed),
        ("76 a stray proof", Call::get("/open").bearer(&token).header("dpop", "a.b.c"), "ok"),
        ("77 two proofs", Call::get("/open").bearer(&token).header("dpop", "a").header("dpop", "a"), repeated),
        ("77 two proofs joined", Call::get("/open").bearer(&token).header("dpop", "a,b"), repeated),
        ("two proofs and no token", Call::get("/open").header("dpop", "a").header("dpop", "b"), repeated),
    ] {
        assert_eq!(gate.ask(&call).await.verdict(), expected, "{name}");
        assert_eq!(gate.ask(&call.joined()).await.verdict(), expected, "{name}, without raw headers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_no_credential() {
    let gate = Plan::new().start();
    for value in [&b"Bearer \xff\xfe"[..], b"B\xff\xff(", b"Bearer \xc0\xae", b"Bearer a\xf0\x9f\x92\xa9"] {
        let call = Call::get("/open").header("authorization", value);
        for call in [call.clone(), call.joined()] {
            let answer = gate.ask(&call).await;
            assert_eq!(answer.verdict(), "400 invalid_request credential_malformed", "{value:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_each_form_of_the_headers_is_a_repeated_one() {
    let gate = Plan::new().start();
    let mut message = Call::get("/open").bearer(&gate.token()).message();
    let http = message.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
    http.headers.insert("authorization".to_owned(), format!("Bearer {}", gate.token()));
    let answer = crate::support::Answer::of(gate.send(message).await);
    assert_eq!(answer.verdict(), "400 invalid_request header_repeated");
}

/// RFC 6750 section 3.1: "If the request lacks any authentication information … the resource
/// server SHOULD NOT include an error code".
#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_credentials_is_challenged_without_an_error_code() {
    let gate = Plan::new().start();
    for call in [Call::get("/invoices"), Call::get("/invoices").header("authorization", "Basic x")] {
        let answer = gate.ask(&call).await;
        assert_eq!(
            answer.challenge(),
            "Bearer scope=\"invoices:read\", \
             resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\", \
             DPoP scope=\"invoices:read\", algs=\"ES256 EdDSA\", \
             resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\""
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_sends_is_never_echoed() {
    let gate = Plan::new().start();
    for call in [
        Call::get("/marker-7").header("authorization", "Bearer marker-7"),
        Call::get("/invoices").header("authorization", "Bearer marker-7.marker-7.marker-7"),
        Call::get("/invoices").header("authorization", "marker-7 x"),
        Call::get("/invoices").bearer(&gate.mint(&crate::support::tokens::with("iss", "marker-7".into()))),
        Call::get("/acted").bearer(&gate.mint(&crate::support::tokens::of("alice").actors(["marker-7"]))),
        Call::new("marker-7", "/invoices"),
        Call::get("/invoices").service("marker-7"),
        Call::get("/invoices").peer("spiffe://demo.local/marker-7"),
    ] {
        let answer = gate.ask(&call).await;
        assert!(!answer.allowed());
        let shown = format!("{:?}{}", answer.headers, answer.body);
        assert!(!shown.contains("marker-7"), "{shown}");
    }
}
