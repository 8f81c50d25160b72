//! What a token says: STANDARDS section 12, 38 to 56.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::tokens::{alice, with};
use crate::support::{AUDIENCE, Gate, ISSUER, Plan, now};

async fn table(gate: &Gate, path: &str, claim: &str, cases: &[(Value, &str)]) {
    for (value, expected) in cases {
        let verdict = gate.get(path, &gate.mint(&with(claim, value.clone()))).await.verdict();
        let shown: String = value.to_string().chars().take(80).collect();
        assert_eq!(verdict, *expected, "{claim}: {shown}");
    }
}

const MISSING: &str = "401 invalid_token claim_missing";
const MALFORMED: &str = "401 invalid_token claim_malformed";

#[tokio::test(flavor = "multi_thread")]
async fn rfc_9068_requires_seven_claims() {
    let gate = Plan::new().start();
    for claim in ["exp", "aud", "sub", "client_id", "iat", "jti"] {
        let verdict = gate.get("/open", &gate.mint(&alice().without_claim(claim))).await.verdict();
        assert_eq!(verdict, MISSING, "{claim}");
    }
    let verdict = gate.get("/open", &gate.mint(&alice().without_claim("iss"))).await.verdict();
    assert_eq!(verdict, MALFORMED, "without `iss` nothing is known of the rest");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_must_exactly_match() {
    let gate = Plan::new().start();
    let unknown = "401 invalid_token issuer_unknown";
    let cases = [
        (json!(ISSUER), "ok"),
        (json!(format!("{ISSUER}/")), unknown),
        (json!(ISSUER.to_uppercase()), unknown),
        (json!(format!("{ISSUER}:443")), unknown),
        (json!("https://issuer.demo%2elocal"), unknown),
        (json!(format!(" {ISSUER}")), unknown),
        (json!(format!("{ISSUER}\0")), unknown),
        (json!(""), unknown),
        (json!([ISSUER]), MALFORMED),
        (json!(1), MALFORMED),
        (Value::Null, MALFORMED),
    ];
    table(&gate, "/open", "iss", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audience_is_compared_code_point_by_code_point() {
    let gate = Plan::new().start();
    let mismatch = "401 invalid_token audience_mismatch";
    let cases = [
        (json!(AUDIENCE), "ok"),
        (json!([AUDIENCE]), "ok"),
        (json!(["https://other.demo.local", AUDIENCE]), "ok"),
        (json!(["https://other.demo.local"]), mismatch),
        (json!(format!("{AUDIENCE}/")), mismatch),
        (json!("https://Invoices.demo.local"), mismatch),
        (json!("http://invoices.demo.local"), mismatch),
        (json!("https://invoices.demo.loca"), mismatch),
        (json!(format!("{AUDIENCE}.evil.example")), mismatch),
        (json!(format!("{AUDIENCE}:443")), mismatch),
        (json!(format!("{AUDIENCE}/invoices")), mismatch),
        (json!("https://*.demo.local"), mismatch),
        (json!("*"), mismatch),
        (json!("invoices"), mismatch),
        (json!([]), MALFORMED),
        (json!([1]), MALFORMED),
        (json!([AUDIENCE, 1]), MALFORMED),
        (json!([AUDIENCE, null]), MALFORMED),
        (json!([[AUDIENCE]]), MALFORMED),
        (json!({ "aud": AUDIENCE }), MALFORMED),
        (json!(""), MALFORMED),
        (Value::Null, MALFORMED),
        (json!(true), MALFORMED),
    ];
    table(&gate, "/open", "aud", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_want_to_be_the_only_audience_and_may_have_more_names() {
    let plan = Plan::new().set("/services/0/single_audience", json!(true));
    let gate = plan.set("/services/0/audience_aliases", json!(["urn:invoices"])).start();
    let cases = [
        (json!(AUDIENCE), "ok"),
        (json!("urn:invoices"), "ok"),
        (json!([AUDIENCE]), "ok"),
        (json!([AUDIENCE, "https://other.demo.local"]), "401 invalid_token audience_not_single"),
        (json!("urn:Invoices"), "401 invalid_token audience_mismatch"),
    ];
    table(&gate, "/open", "aud", &cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_numbers_and_hold_within_the_clock_skew() {
    let gate = Plan::new().start();
    let (now, expired) = (now(), "401 invalid_token token_expired");
    let at = |exp: Value| alice().claim("iat", json!(now - 100)).claim("exp", exp);
    for (exp, expected) in [
        (json!(now + 60), "ok"),
        (serde_json::from_str(&format!("{}.5", now + 60)).expect("a number"), "ok"),
        (json!(now - 20), "ok"),
        (json!(now - 31), expired),
        (json!(0), expired),
        (json!(-1), expired),
        (json!(i64::MIN), expired),
        (json!(-1e15), expired),
        (json!(format!("{}", now + 60)), MALFORMED),
        (json!(true), MALFORMED),
        (json!([now + 60]), MALFORMED),
        (Value::Null, MALFORMED),
        (json!(1e300), MALFORMED),
        (json!(u64::MAX), MALFORMED),
        (json!(i64::MAX), "401 invalid_token lifetime_too_long"),
    ] {
        assert_eq!(gate.get("/open", &gate.mint(&at(exp.clone()))).await.verdict(), expected, "exp {exp}");
    }
    let early = "401 invalid_token token_not_yet_valid";
    let not_before = [
        (json!(now - 1), "ok"),
        (json!(now + 20), "ok"),
        (json!(now + 60), early),
        (json!(i64::MAX), early),
        (json!("0"), MALFORMED),
        (Value::Null, MALFORMED),
    ];
    table(&gate, "/open", "nbf", &not_before).await;
    let issued = |iat: Value| alice().claim("iat", iat).claim("exp", json!(now + 200));
    for (iat, expected) in [
        (json!(now + 20), "ok"),
        (json!(now + 60), "401 invalid_token token_from_future"),
        (json!(now - 100_000), "401 invalid_token lifetime_too_long"),
        (json!(i64::MIN), "401 invalid_token lifetime_too_long"),
        (json!("0"), MALFORMED),
        (Value::Null, MALFORMED),
    ] {
        assert_eq!(gate.get("/open", &gate.mint(&issued(iat.clone()))).await.verdict(), expected, "iat {iat}");
    }
    let backwards = alice().claim("iat", json!(now)).claim("exp", json!(now));
    assert_eq!(gate.get("/open", &gate.mint(&backwards)).await.verdict(), MALFORMED);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_lifetime_is_inclusive() {
    let gate = Plan::new().start();
    for (seconds, expected) in [(900, "ok"), (901, "401 invalid_token lifetime_too_long")] {
        let token = gate.mint(&alice().lifetime(Duration::from_secs(seconds)));
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{seconds}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_expires_although_it_is_remembered_as_verified() {
    let gate = Plan::new().set("/issuers/0/clock_skew", json!("0s")).start();
    let token = gate.mint(&alice().lifetime(Duration::from_secs(2)));
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    let ended = crate::support::eventually("the expiry", async || {
        let verdict = gate.get("/open", &token).await.verdict();
        (verdict != "ok").then_some(verdict)
    });
    assert_eq!(ended.await, "401 invalid_token token_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_strings_that_are_not_empty() {
    let gate = Plan::new().start();
    for claim in ["sub", "client_id", "jti"] {
        let cases = [
            (json!("x"), "ok"),
            (json!(""), MALFORMED),
            (json!(7), MALFORMED),
            (json!(["x"]), MALFORMED),
            (json!({}), MALFORMED),
            (Value::Null, MALFORMED),
        ];
        table(&gate, "/open", claim, &cases).await;
    }
    table(&gate, "/open", "jti", &[(json!("x".repeat(256)), "ok"), (json!("x".repeat(257)), MALFORMED)]).await;
    table(&gate, "/open", "acr", &[(json!("urn:mfa"), "ok"), (json!(1), MALFORMED), (Value::Null, MALFORMED)]).await;
    table(&gate, "/open", "auth_time", &[(json!(1), "ok"), (json!("1"), MALFORMED), (Value::Null, MALFORMED)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scope_is_one_string_of_scope_tokens() {
    let gate = Plan::new().start();
    let missing = "403 insufficient_scope scope_missing";
    let cases = [
        (json!("invoices:read"), "ok"),
        (json!("invoices:read invoices:read"), "ok"),
        (json!("  a   invoices:read  "), "ok"),
        (json!(""), missing),
        (json!(" "), missing),
        (json!("invoices:rea"), missing),
        (json!("invoices:read2"), missing),
        (json!("Invoices:Read"), missing),
        (json!("invoices:*"), missing),
        (json!("*"), missing),
        (json!("invoices"), missing),
        (json!("invoices:read,a"), missing),
        (json!("a\tinvoices:read"), MALFORMED),
        (json!("a\ninvoices:read"), MALFORMED),
        (json!("a\u{a0}invoices:read"), MALFORMED),
        (json!("invoices:read \"a\""), MALFORMED),
        (json!("invoices:read a\\b"), MALFORMED),
        (json!("invoices:read \u{e9}"), MALFORMED),
        (json!(["invoices:read"]), MALFORMED),
        (json!(1), MALFORMED),
        (Value::Null, MALFORMED),
    ];
    table(&gate, "/invoices", "scope", &cases).await;
    let verdict = gate.get("/invoices", &gate.mint(&alice().without_claim("scope"))).await.verdict();
    assert_eq!(verdict, missing, "no scope is the empty set");
    for (claim, value) in [("scp", json!(["invoices:read"])), ("scp", json!("invoices:read"))] {
        let token = gate.mint(&alice().without_claim("scope").claim(claim, value));
        assert_eq!(gate.get("/invoices", &token).await.verdict(), MALFORMED, "{claim}");
    }
    for claim in ["roles", "groups", "entitlements", "permissions"] {
        let token = gate.mint(&alice().without_claim("scope").claim(claim, json!(["invoices:read"])));
        assert_eq!(gate.get("/invoices", &token).await.verdict(), missing, "`{claim}` can't replace scopes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_may_be_said_to_write_scp() {
    let gate = Plan::new().set("/issuers/0/scope_claim", json!("scp")).start();
    let cases = [
        (json!(["invoices:read"]), "ok"),
        (json!("a invoices:read"), "ok"),
        (json!(["a invoices:read"]), MALFORMED),
        (json!([1]), MALFORMED),
        (json!([]), "403 insufficient_scope scope_missing"),
    ];
    for (value, expected) in cases {
        let token = gate.mint(&alice().without_claim("scope").claim("scp", value.clone()));
        assert_eq!(gate.get("/invoices", &token).await.verdict(), expected, "{value}");
    }
    assert_eq!(gate.get("/invoices", &gate.token()).await.verdict(), MALFORMED, "the other claim is a fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insufficient_scope_names_every_scope_the_route_needs() {
    let plan = Plan::new().set("/services/0/routes/0/scopes", json!(["invoices:read", "invoices:refund"]));
    let gate = plan.start();
    for scope in ["", "invoices:read", "invoices:refund"] {
        let answer = gate.get("/invoices", &gate.mint(&alice().scope(scope))).await;
        assert_eq!(answer.verdict(), "403 insufficient_scope scope_missing", "{scope}");
        // RFC 6750 section 3: "MAY include the `scope` attribute with the scope necessary to access
        // the protected resource".
        let challenge = answer.challenge();
        assert!(challenge.contains(r#"scope="invoices:read invoices:refund""#), "{challenge}");
        assert!(challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_key_is_never_taken_as_a_mere_bearer_token() {
    let gate = Plan::new().start();
    let refused = "401 invalid_token binding_unsupported";
    let cases = [
        (json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }), "401 invalid_token bound_token_as_bearer"),
        (json!({ "x5t#S256": "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0" }), "401 invalid_token certificate_missing"),
        (json!({}), refused),
        (json!("x"), refused),
        (Value::Null, refused),
    ];
    table(&gate, "/open", "cnf", &cases).await;
}
