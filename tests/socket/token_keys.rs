//! Which key checks a token: STANDARDS section 12, 16 and 22 to 25.

use hopgate::dev::keys::SigningKey;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::support::Plan;
use crate::support::keyserver::KeyServer;
use crate::support::plan::write_keys;
use crate::support::tokens::{alice, segment};

const MALFORMED: &str = "401 invalid_token token_malformed";

#[tokio::test(flavor = "multi_thread")]
async fn a_kid_is_only_ever_compared() {
    let gate = Plan::new().start();
    let kid = |kid: Value| alice().header("kid", kid).sign(&gate.plan.key).expect("signed");
    let unknown = "401 invalid_token key_unknown";
    for (name, token, expected) in [
        ("a path", kid(json!("../../keys.json")), unknown),
        ("an absolute path", kid(json!("/dev/null")), unknown),
        ("SQL", kid(json!("'; DROP TABLE keys; --")), unknown),
        ("a URL", kid(json!("http://127.0.0.1:1/jwks")), unknown),
        ("the kid with a NUL", kid(json!(format!("{}\0", gate.plan.key.kid()))), unknown),
        ("line breaks and escapes", kid(json!("a\r\nb\u{1b}[31m")), unknown),
        ("256 bytes", kid(json!("k".repeat(256))), unknown),
        ("257 bytes", kid(json!("k".repeat(257))), MALFORMED),
        ("10 kB would be over the token limit, 4 kB is not", kid(json!("k".repeat(4096))), MALFORMED),
        ("empty", kid(json!("")), MALFORMED),
        ("a number", kid(json!(7)), MALFORMED),
        ("a list", kid(json!([gate.plan.key.kid()])), MALFORMED),
        ("null", kid(Value::Null), MALFORMED),
        ("missing, with one key", alice().without_header("kid").sign(&gate.plan.key).expect("signed"), "ok"),
    ] {
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_names_no_key_is_refused_where_there_are_two() {
    let plan = Plan::new();
    let other = SigningKey::generate(Algorithm::ES256).expect("a key");
    write_keys(&plan.dir.root().join("keys.json"), &[plan.key.jwk(), other.jwk()]);
    let gate = plan.start();
    let unnamed = alice().without_header("kid").sign(&gate.plan.key).expect("signed");
    assert_eq!(gate.get("/open", &unnamed).await.verdict(), "401 invalid_token key_not_named");
    assert_eq!(gate.get("/open", &alice().sign(&other).expect("signed")).await.verdict(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_the_issuers_set_and_never_from_the_token() {
    let server = KeyServer::start().await;
    let gate = Plan::new().start();
    let mallory = SigningKey::generate(Algorithm::ES256).expect("a key").with_kid(gate.plan.key.kid());
    server.keys(&[mallory.jwk()]);
    let invalid = "401 invalid_token signature_invalid";
    for (name, value) in [
        ("jwk", mallory.jwk().clone()),
        ("jku", json!(server.url("/jwks"))),
        ("x5u", json!(server.url("/jwks"))),
        ("x5c", json!(["MIIB"])),
    ] {
        let token = alice().header(name, value).sign(&mallory).expect("signed");
        assert_eq!(gate.get("/open", &token).await.verdict(), invalid, "{name}");
    }
    assert_eq!(server.asked("/jwks"), 0, "RFC 8725 section 3.10: `jku` and `x5u` are attacker input");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_check_a_signature_spoil_no_others() {
    let plan = Plan::new();
    let other = || SigningKey::generate(Algorithm::ES256).expect("a key");
    let signers: Vec<_> = (0..8).map(|n| other().with_kid(format!("k{n}"))).collect();
    let with = |n: usize, change: &dyn Fn(&mut Value)| {
        let mut jwk = signers[n].jwk().clone();
        change(&mut jwk);
        jwk
    };
    let short = json!({ "kty": "RSA", "kid": "short", "alg": "RS256", "n": segment([0xc1; 128]), "e": "AQAB" });
    let jwks = [
        with(0, &|jwk| jwk["use"] = json!("enc")),
        with(1, &|jwk| jwk["key_ops"] = json!(["sign"])),
        with(2, &|jwk| jwk["y"] = jwk["x"].clone()),
        with(3, &|jwk| jwk["d"] = json!(segment([1; 32]))),
        with(4, &|jwk| jwk["kty"] = json!("oct")),
        with(5, &|jwk| jwk["x"] = json!(format!("{}=", jwk["x"].as_str().unwrap()))),
        with(6, &|jwk| jwk["kid"] = json!(6)),
        with(7, &|jwk| jwk["alg"] = json!("HS256")),
        json!({ "kty": "oct", "kid": "oct", "alg": "HS256", "k": segment([7; 32]) }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "x", "x": segment([7; 32]) }),
        json!({ "kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": segment([7; 57]) }),
        json!("no object"),
        short,
    ];
    let all: Vec<&Value> = jwks.iter().chain([plan.key.jwk()]).collect();
    write_keys(&plan.dir.root().join("keys.json"), &all);
    let gate = plan.set("/issuers/0/algorithms", json!(["ES256", "RS256", "EdDSA"])).start();
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    for (n, key) in signers.iter().enumerate() {
        let verdict = gate.get("/open", &alice().sign(key).expect("signed")).await.verdict();
        assert_eq!(verdict, "401 invalid_token key_unknown", "key {n}");
    }
}
