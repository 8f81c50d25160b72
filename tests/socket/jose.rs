//! The envelope of a token: STANDARDS section 12, 14 to 37.

use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::support::plan::write_keys;
use crate::support::tokens::{alice, segment, spoiled};
use crate::support::{Call, Plan};

const MALFORMED: &str = "401 invalid_token token_malformed";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_three_segments_of_canonical_base64url() {
    let gate = Plan::new().start();
    let good = gate.token();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("three segments") };
    // The last character of 64 bytes in base64url holds four bits that decode to nothing.
    let (rest, last) = signature.split_at(signature.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).expect("base64url");
    let same_bits = format!("{header}.{payload}.{rest}{}", &alphabet[at + 1..at + 2]);
    for (name, token, expected) in [
        ("the token itself", good.clone(), "ok"),
        ("four segments", format!("{good}.{signature}"), MALFORMED),
        ("five segments, as a JWE has", format!("{good}.{header}.{payload}"), MALFORMED),
        ("two segments", format!("{header}.{payload}"), MALFORMED),
        ("one segment", header.to_owned(), MALFORMED),
        ("no header", format!(".{payload}.{signature}"), MALFORMED),
        ("no payload", format!("{header}..{signature}"), MALFORMED),
        ("no signature", format!("{header}.{payload}."), "401 invalid_token signature_invalid"),
        ("only dots", "..".to_owned(), MALFORMED),
        ("a dot in front", format!(".{good}"), MALFORMED),
        ("a trailing dot", format!("{good}."), MALFORMED),
        ("a thousand dots", ".".repeat(1000), MALFORMED),
        ("padding at the end", format!("{good}=="), MALFORMED),
        ("non-zero trailing bits", same_bits, MALFORMED),
        ("the other base64 alphabet", format!("{header}.{payload}.{}+/", &rest[..rest.len() - 2]), MALFORMED),
        ("a cut-off signature", good[..good.len() - 2].to_owned(), "401 invalid_token signature_invalid"),
        ("no base64 at all", "a~b.c~d.e~f".to_owned(), MALFORMED),
    ] {
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{name}");
    }
    // Not even one token68, so a fault of the request and not of the token (RFC 6750 section 2.1).
    for (name, token) in [
        ("padding inside", format!("{header}=.{payload}.{signature}")),
        ("white space", format!("{header}. {payload}.{signature}")),
        ("JSON serialization", json!({ "payload": payload, "protected": header, "signature": signature }).to_string()),
    ] {
        let verdict = gate.get("/open", &token).await.verdict();
        assert!(
            verdict == "400 invalid_request credential_malformed" || verdict == "400 invalid_request header_repeated",
            "{name}: {verdict}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn header_and_payload_are_objects_that_name_nothing_twice() {
    let gate = Plan::new().start();
    let key = &gate.plan.key;
    let raw = |header: &[u8], payload: &[u8]| key.sign_raw(header, payload).expect("signed");
    let (header, payload) = (alice().header_for(key).to_string(), alice().claims().to_string());
    let (h, p) = (header.as_bytes(), payload.as_bytes());
    let in_header = |member: &str| spoiled(key, |header, _| header.insert_str(1, member));
    let in_payload = |member: &str| spoiled(key, |_, payload| payload.insert_str(1, member));
    for (name, token, expected) in [
        ("an array", raw(h, b"[]"), MALFORMED),
        ("a string", raw(h, br#""x""#), MALFORMED),
        ("a number", raw(h, b"1"), MALFORMED),
        ("null", raw(h, b"null"), MALFORMED),
        ("nothing", raw(h, b""), MALFORMED),
        ("no JSON", raw(h, b"{"), MALFORMED),
        ("a second value", raw(h, format!("{payload}{payload}").as_bytes()), MALFORMED),
        ("a byte order mark", raw(h, format!("\u{feff}{payload}").as_bytes()), MALFORMED),
        ("bytes that are no UTF-8", raw(h, b"{\"iss\":\"\xff\"}"), MALFORMED),
        ("half a surrogate pair", in_payload(r#""x":"\ud800","#), MALFORMED),
        ("UTF-16", raw(h, &payload.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), MALFORMED),
        ("NaN", in_payload(r#""x":NaN,"#), MALFORMED),
        ("a comment", in_payload("/* x */"), MALFORMED),
        ("a header that is an array", raw(b"[]", p), MALFORMED),
        ("a number too large for a double", in_payload(r#""x":1e999,"#), MALFORMED),
        ("`alg` twice", in_header(r#""alg":"ES256","#), MALFORMED),
        ("`alg` twice, once escaped", in_header(r#""\u0061lg":"none","#), MALFORMED),
        ("`aud` twice", in_payload(r#""aud":"https://other.demo.local","#), MALFORMED),
        ("`aud` twice, once escaped", in_payload(r#""\u0061ud":"https://other.demo.local","#), MALFORMED),
        ("a nested member twice", in_payload(r#""x":{"y":{"sub":1,"sub":2}},"#), MALFORMED),
        ("a member in a list twice", in_payload(r#""x":[{"y":1,"y":1}],"#), MALFORMED),
        ("unknown claims", in_payload(r#""x":[{"y":1},{"y":1}],"z":null,"#), "ok"),
        ("an unknown header parameter", in_header(r#""x":{"y":1},"#), "ok"),
    ] {
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_algorithm_is_the_keys_own_and_one_the_issuer_is_allowed() {
    let plan = Plan::new();
    let es384 = SigningKey::generate(Algorithm::ES384).expect("a key");
    let rs256 = SigningKey::generate(Algorithm::RS256).expect("a key");
    let ed = SigningKey::generate(Algorithm::EdDSA).expect("a key");
    write_keys(&plan.dir.root().join("keys.json"), &[plan.key.jwk(), es384.jwk(), rs256.jwk(), ed.jwk()]);
    let all = json!(["ES256", "ES384", "EdDSA", "RS256", "PS256", "PS384"]);
    let gate = plan.set("/issuers/0/algorithms", all).start();
    let es256 = &gate.plan.key;
    let says = |alg: &str, key: &SigningKey| alice().header("alg", json!(alg)).sign(key).expect("signed");
    let hmac = |secret: &[u8]| {
        let header = alice().header("alg", json!("HS256")).header_for(es256).to_string();
        let input = format!("{}.{}", segment(header), segment(alice().claims().to_string()));
        let signature =
            jsonwebtoken::crypto::sign(input.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256);
        format!("{input}.{}", signature.expect("signed"))
    };
    let public = |key: &SigningKey| key.jwk().to_string();
    let not_allowed = "401 invalid_token algorithm_not_allowed";
    let not_of_key = "401 invalid_token algorithm_not_of_key";
    for (name, token, expected) in [
        ("ES256", says("ES256", es256), "ok"),
        ("ES384", says("ES384", &es384), "ok"),
        ("RS256", says("RS256", &rs256), "ok"),
        ("EdDSA", says("EdDSA", &ed), "ok"),
        ("Ed25519, the name of RFC 9864", says("Ed25519", &ed), "ok"),
        ("none", says("none", es256), not_allowed),
        ("None", says("None", es256), not_allowed),
        ("noNE", says("noNE", es256), not_allowed),
        ("empty", says("", es256), not_allowed),
        ("es256", says("es256", es256), not_allowed),
        ("HS256 with the public EC key", hmac(public(es256).as_bytes()), not_allowed),
        ("HS256 with the public RSA key", hmac(public(&rs256).as_bytes()), not_allowed),
        ("HS256 with nothing", hmac(b""), not_allowed),
        ("HS512", says("HS512", es256), not_allowed),
        ("Ed448", says("Ed448", &ed), not_allowed),
        ("ES512", says("ES512", es256), not_allowed),
        ("ES256K", says("ES256K", es256), not_allowed),
        ("RS384, which the issuer does not use", says("RS384", &rs256), not_allowed),
        ("RS256 for an EC key", says("RS256", es256), not_of_key),
        ("ES256 with a P-384 key", says("ES256", &es384), not_of_key),
        ("ES384 with a P-256 key", says("ES384", es256), not_of_key),
        ("PS256 with a key of RS256", says("PS256", &rs256), not_of_key),
        ("EdDSA with an EC key", says("EdDSA", es256), not_of_key),
        ("ES256 with an Ed25519 key", says("ES256", &ed), not_of_key),
        ("a number", alice().header("alg", json!(7)).sign(es256).expect("signed"), MALFORMED),
        ("missing", alice().without_header("alg").sign(es256).expect("signed"), MALFORMED),
    ] {
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_asks_for_nothing_that_is_not_understood() {
    let gate = Plan::new().start();
    let signed = |token: TokenBuilder| token.sign(&gate.plan.key).expect("signed");
    let header = |name: &str, value: Value| signed(alice().header(name, value));
    let extended = "401 invalid_token token_extended";
    let wrong_type = "401 invalid_token token_type_wrong";
    // RFC 9068 section 4: "verify that the `typ` header value is at+jwt or application/at+jwt and
    // reject tokens carrying any other value".
    for (name, token, expected) in [
        ("at+jwt", header("typ", json!("at+jwt")), "ok"),
        ("AT+JWT", header("typ", json!("AT+JWT")), "ok"),
        ("application/at+jwt", header("typ", json!("application/at+jwt")), "ok"),
        ("Application/AT+jwt", header("typ", json!("Application/AT+jwt")), "ok"),
        ("JWT", header("typ", json!("JWT")), wrong_type),
        ("dpop+jwt", header("typ", json!("dpop+jwt")), wrong_type),
        ("empty", header("typ", json!("")), wrong_type),
        ("white space", header("typ", json!(" at+jwt")), wrong_type),
        ("a NUL", header("typ", json!("at+jwt\0")), wrong_type),
        ("parameters", header("typ", json!("at+jwt; x=1")), wrong_type),
        ("application twice", header("typ", json!("application/application/at+jwt")), wrong_type),
        ("another tree", header("typ", json!("text/at+jwt")), wrong_type),
        ("a number", header("typ", json!(1)), wrong_type),
        ("null", header("typ", Value::Null), wrong_type),
        ("a list", header("typ", json!(["at+jwt"])), wrong_type),
        ("missing", signed(alice().without_header("typ")), wrong_type),
        // RFC 7515 section 4.1.11: "If any of the listed extension Header Parameters are not
        // understood and supported by the recipient, then the JWS is invalid."
        ("an unknown extension", header("crit", json!(["exp"])), extended),
        ("an empty list", header("crit", json!([])), extended),
        ("a string", header("crit", json!("exp")), extended),
        ("null crit", header("crit", Value::Null), extended),
        ("an unencoded payload", signed(alice().header("b64", json!(false)).header("crit", json!(["b64"]))), extended),
        ("b64 alone", header("b64", json!(true)), extended),
        ("a nested token", header("cty", json!("JWT")), extended),
    ] {
        assert_eq!(gate.get("/open", &token).await.verdict(), expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_limit_is_inclusive() {
    let plan = Plan::new();
    let token = alice().claim("pad", json!("x".repeat(2000))).sign(&plan.key).expect("signed");
    let gate = plan.set("/limits/token_bytes", json!(token.len())).start();
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    let longer = gate.mint(&alice().claim("pad", json!("x".repeat(2001))));
    assert!(longer.len() > token.len());
    assert_eq!(gate.get("/open", &longer).await.verdict(), "401 invalid_token token_too_large");
    let huge = "x".repeat(1_000_000);
    assert_eq!(gate.get("/open", &huge).await.verdict(), "401 invalid_token token_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_token_is_another_token_and_a_malleated_signature_the_same_single_use() {
    let gate = Plan::new().start();
    let token = gate.token();
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    // Known to be good, and now not: the memory of verified tokens keeps no half.
    let (input, signature) = token.rsplit_once('.').expect("three segments");
    let other = gate.token();
    let forged = other.replace(other.split('.').nth(1).unwrap(), input.split('.').nth(1).unwrap());
    assert_ne!(forged, token);
    assert_eq!(gate.get("/open", &forged).await.verdict(), "401 invalid_token signature_invalid");
    let other_payload = segment(alice().claim("sub", json!("mallory")).claims().to_string());
    let (header, _) = input.split_once('.').unwrap();
    let swapped = format!("{header}.{other_payload}.{signature}");
    assert_eq!(gate.get("/open", &swapped).await.verdict(), "401 invalid_token signature_invalid");

    let twin = format!("{input}.{}", malleated(signature));
    assert_ne!(twin, token);
    assert_eq!(gate.get("/open", &twin).await.verdict(), "ok", "ECDSA: (r, n - s) is valid too");
    assert_eq!(gate.ask(&Call::refund(&token)).await.verdict(), "ok");
    assert_eq!(gate.ask(&Call::refund(&twin)).await.verdict(), "401 invalid_token token_replayed");
}

/// The other valid signature of P-256: `(r, n - s)`.
fn malleated(signature: &str) -> String {
    use base64::Engine as _;
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let mut borrow = 0i32;
    for at in (0..32).rev() {
        let difference = i32::from(N[at]) - i32::from(bytes[32 + at]) - borrow;
        borrow = i32::from(difference < 0);
        bytes[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    segment(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_tokens_of_the_rfcs_open_nothing() {
    let gate = Plan::new().start();
    for (name, token) in [
        (
            "RFC 7519 section 6.1",
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.",
        ),
        (
            "RFC 7515 appendix E",
            "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.",
        ),
        (
            "RFC 7515 appendix A.1",
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "RFC 8037 appendix A.4",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ] {
        let answer = gate.get("/open", token).await;
        assert_eq!((answer.status, answer.rpc), (401, 16), "{name}: {}", answer.verdict());
    }
}
