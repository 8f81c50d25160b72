//! Check 9: a token that is bound to its sender is worthless in another's hands.

use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::dev::proof::ProofBuilder;
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::support::certificate::{CERTIFICATE, THUMBPRINT};
use crate::support::plan::write_keys;
use crate::support::tokens::{alice, segment};
use crate::support::{Answer, Call, Gate, Plan};

const URL: &str = "https://invoices.demo.local/invoices";

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).unwrap()
}

/// alice's token, bound to `key`.
fn bound(key: &SigningKey) -> TokenBuilder {
    alice().claim("cnf", json!({ "jkt": key.kid() }))
}

fn proof(token: &str) -> ProofBuilder {
    ProofBuilder::new("GET", URL, token)
}

async fn send(gate: &Gate, token: &str, proof: &str) -> Answer {
    gate.ask(&Call::get("/invoices").dpop(token, proof)).await
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_passes_with_a_proof_and_each_proof_once() {
    let mut gate = Plan::new().start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let proof = proof(&token).sign(&key).unwrap();
    let first = send(&gate, &token, &proof).await;
    assert_eq!(first.verdict(), "ok");
    let record = gate.record(&first);
    assert_eq!((&record["scheme"], &record["bound_to"]), (&json!("DPoP"), &json!(["dpop"])));
    let again = send(&gate, &token, &proof).await;
    assert_eq!(again.verdict(), "401 invalid_dpop_proof proof_replayed");
    assert_eq!(
        again.challenge(),
        "DPoP error=\"invalid_dpop_proof\", error_description=\"The DPoP proof was used before\", algs=\"ES256 EdDSA\", \
         resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\""
    );
    // Under another scheme's spelling it is still the same proof.
    let spelled = Call::get("/invoices").header("authorization", format!("dpop {token}")).header("dpop", &proof);
    assert_eq!(gate.ask(&spelled).await.reason, "proof_replayed");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_uses_of_one_proof_one_passes() {
    let gate = Plan::new().start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let proof = proof(&token).sign(&key).unwrap();
    let calls = (0..100).map(|_| send(&gate, &token, &proof));
    let passed = futures_util::future::join_all(calls).await.into_iter().filter(Answer::allowed).count();
    assert_eq!(passed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_token_as_bearer_is_refused_and_told_how() {
    let gate = Plan::new().start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let answer = gate.get("/invoices", &token).await;
    assert_eq!(answer.verdict(), "401 invalid_token bound_token_as_bearer");
    assert_eq!(
        answer.challenge(),
        "Bearer error=\"invalid_token\", error_description=\"The access token is bound to a key that was not proven\", \
         resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\", \
         DPoP algs=\"ES256 EdDSA\", \
         resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\""
    );
    // A proof beside it makes it no DPoP request.
    let proof = proof(&token).sign(&key).unwrap();
    let call = Call::get("/invoices").bearer(&token).header("dpop", proof);
    assert_eq!(gate.ask(&call).await.reason, "bound_token_as_bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unbound_token_as_dpop_is_refused_and_a_stray_proof_ignored() {
    let gate = Plan::new().start();
    let key = key();
    let token = gate.token();
    let proof = proof(&token).sign(&key).unwrap();
    assert_eq!(send(&gate, &token, &proof).await.verdict(), "401 invalid_token token_not_bound");
    assert!(gate.ask(&Call::get("/invoices").bearer(&token).header("dpop", "junk")).await.allowed());
    let none = gate.ask(&Call::get("/invoices").header("authorization", format!("DPoP {token}"))).await;
    assert_eq!(none.verdict(), "401 invalid_token token_not_bound");
}

/// RFC 9449 section 4.3, check by check.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_is_not_of_this_call_by_this_key_is_refused() {
    let gate = Plan::new().start();
    let (key, other) = (key(), key());
    let token = gate.mint(&bound(&key));
    let another_token = gate.mint(&bound(&key));
    let good = || proof(&token);
    let sign = |builder: ProofBuilder| builder.sign(&key).unwrap();
    let rsa = SigningKey::generate(Algorithm::RS256).unwrap();
    let mut private = key.jwk().clone();
    private["d"] = json!("AAAA");
    let mut off_curve = key.jwk().clone();
    off_curve["x"] = json!(segment([1; 32]));
    let signed = sign(good());
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let unsigned = format!("{message}.");
    let none = format!("{}.{}.", segment(r#"{"typ":"dpop+jwt","alg":"none"}"#), message.split('.').nth(1).unwrap());
    let spoiled = format!("{message}A.{signature}");
    let twice = key
        .sign_raw(
            json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() }).to_string().as_bytes(),
            format!(r#"{{"jti":"a","jti":"b","htm":"GET","htu":"{URL}","iat":{}}}"#, now()).as_bytes(),
        )
        .unwrap();
    let cases: Vec<(&str, String, &str)> = vec![
        ("empty", String::new(), "proof_malformed"),
        ("no jws", "x".to_owned(), "proof_malformed"),
        ("two segments", "a.b".to_owned(), "proof_malformed"),
        ("five segments", "a.b.c.d.e".to_owned(), "proof_malformed"),
        ("padded", format!("{signed}="), "proof_malformed"),
        ("too long", "A".repeat(9000), "proof_malformed"),
        ("a member twice", twice, "proof_malformed"),
        ("crit", sign(good().header("crit", json!(["exp"]))), "proof_malformed"),
        ("typ JWT", sign(good().header("typ", json!("JWT"))), "proof_type_wrong"),
        ("typ at+jwt", sign(good().header("typ", json!("at+jwt"))), "proof_type_wrong"),
        ("no typ", sign(good().without_header("typ")), "proof_type_wrong"),
        ("alg none", sign(good().header("alg", json!("none"))), "proof_algorithm_not_allowed"),
        ("alg none, unsigned", none, "proof_algorithm_not_allowed"),
        ("alg HS256", sign(good().header("alg", json!("HS256"))), "proof_algorithm_not_allowed"),
        ("alg not allowed here", good().sign(&rsa).unwrap(), "proof_algorithm_not_allowed"),
        ("alg not of the key", sign(good().header("alg", json!("EdDSA"))), "proof_key_unusable"),
        ("no jwk", sign(good().without_header("jwk")), "proof_key_unusable"),
        ("jwk no object", sign(good().header("jwk", json!("x"))), "proof_key_unusable"),
        ("a private key", sign(good().header("jwk", private)), "proof_key_unusable"),
        ("a symmetric key", sign(good().header("jwk", json!({ "kty": "oct", "k": "AAAA" }))), "proof_key_unusable"),
        ("off the curve", sign(good().header("jwk", off_curve)), "proof_key_unusable"),
        ("unsigned", unsigned, "proof_signature_invalid"),
        ("changed", spoiled, "proof_malformed"),
        ("signed by another than it shows", sign(good().header("jwk", other.jwk().clone())), "proof_signature_invalid"),
        ("no jti", sign(good().without_claim("jti")), "proof_malformed"),
        ("jti empty", sign(good().claim("jti", json!(""))), "proof_malformed"),
        ("jti long", sign(good().claim("jti", json!("x".repeat(257)))), "proof_malformed"),
        ("jti a number", sign(good().claim("jti", json!(7))), "proof_malformed"),
        ("no htm", sign(good().without_claim("htm")), "proof_malformed"),
        ("htm POST", sign(good().claim("htm", json!("POST"))), "proof_method_mismatch"),
        ("htm get", sign(good().claim("htm", json!("get"))), "proof_method_mismatch"),
        ("no htu", sign(good().without_claim("htu")), "proof_malformed"),
        ("another host", sign(good().claim("htu", json!("https://docs.demo.local/invoices"))), "proof_target_mismatch"),
        ("another path", sign(good().claim("htu", json!(format!("{URL}/7")))), "proof_target_mismatch"),
        (
            "another scheme",
            sign(good().claim("htu", json!("http://invoices.demo.local/invoices"))),
            "proof_target_mismatch",
        ),
        (
            "another port",
            sign(good().claim("htu", json!("https://invoices.demo.local:8443/invoices"))),
            "proof_target_mismatch",
        ),
        ("a path alone", sign(good().claim("htu", json!("/invoices"))), "proof_target_mismatch"),
        (
            "with a user",
            sign(good().claim("htu", json!("https://x@invoices.demo.local/invoices"))),
            "proof_target_mismatch",
        ),
        ("no iat", sign(good().without_claim("iat")), "proof_malformed"),
        ("iat a string", sign(good().claim("iat", json!(now().to_string()))), "proof_malformed"),
        ("iat long ago", sign(good().claim("iat", json!(now() - 66))), "proof_expired"),
        ("iat ahead", sign(good().claim("iat", json!(now() + 7))), "proof_from_future"),
        ("no ath", sign(good().without_claim("ath")), "proof_malformed"),
        ("ath of another token", sign(proof(&another_token)), "proof_token_mismatch"),
        ("ath padded", sign(good().claim("ath", json!("AAAA="))), "proof_token_mismatch"),
        ("a nonce that is not ours", sign(good().nonce("eyJ7S_zG.eyJH0-Z.HX4w-7v")), "proof_nonce_invalid"),
        ("nonce a number", sign(good().claim("nonce", json!(7))), "proof_nonce_invalid"),
        ("another key", good().sign(&other).unwrap(), "proof_key_mismatch"),
    ];
    for (what, proof, reason) in cases {
        let answer = send(&gate, &token, &proof).await;
        assert_eq!(answer.reason, reason, "{what}");
        let error = match reason {
            "proof_key_mismatch" => "invalid_token",
            "proof_nonce_invalid" => "use_dpop_nonce",
            _ => "invalid_dpop_proof",
        };
        assert!(answer.challenge().starts_with(&format!("DPoP error=\"{error}\"")), "{what}: {}", answer.challenge());
        assert_eq!(answer.status, 401, "{what}");
    }
    let none = gate.ask(&Call::get("/invoices").header("authorization", format!("DPoP {token}"))).await;
    assert_eq!(none.verdict(), "401 invalid_dpop_proof proof_missing");
    let two = Call::get("/invoices").dpop(&token, &signed).header("dpop", &signed);
    assert_eq!(gate.ask(&two).await.verdict(), "400 invalid_request header_repeated");
    // None of all that has used the good one up.
    assert!(send(&gate, &token, &signed).await.allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn spellings_of_this_url_and_small_differences_of_clocks_are_fine() {
    let gate = Plan::new().start();
    let key = key();
    let token = gate.mint(&bound(&key));
    for url in [
        "https://invoices.demo.local/invoices?page=2#top",
        "HTTPS://Invoices.Demo.LOCAL:443/invoices",
        "https://invoices.demo.local/%69nvoices",
        "https://invoices.demo.local/x/../invoices",
    ] {
        let proof = ProofBuilder::new("GET", url, &token).sign(&key).unwrap();
        let call = Call::get("/invoices?page=1").dpop(&token, &proof);
        assert_eq!(gate.ask(&call).await.verdict(), "ok", "{url}");
    }
    for iat in [json!(now() + 3), json!(now() - 58), json!(f64::from(u32::try_from(now()).unwrap()) + 0.5)] {
        let proof = proof(&token).claim("iat", iat.clone()).sign(&key).unwrap();
        assert_eq!(send(&gate, &token, &proof).await.verdict(), "ok", "{iat}");
    }
    let typ = proof(&token).header("typ", json!("application/DPoP+JWT")).sign(&key).unwrap();
    assert!(send(&gate, &token, &typ).await.allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_external_urls_of_a_service_are_what_its_callers_use() {
    let urls = json!(["https://gateway.demo.local/finance", "http://127.0.0.1:8080"]);
    let gate = Plan::new().set("/services/0/external_urls", urls).start();
    let key = key();
    let token = gate.mint(&bound(&key));
    for (url, reason) in [
        ("https://gateway.demo.local/finance/invoices", ""),
        ("http://127.0.0.1:8080/invoices", ""),
        ("https://gateway.demo.local/invoices", "proof_target_mismatch"),
        (URL, "proof_target_mismatch"),
    ] {
        let proof = ProofBuilder::new("GET", url, &token).sign(&key).unwrap();
        assert_eq!(send(&gate, &token, &proof).await.reason, reason, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_every_algorithm_that_is_allowed_pass() {
    let all = json!(["ES256", "ES384", "EdDSA", "PS256", "RS256"]);
    let gate = Plan::new().set("/dpop/algorithms", all).start();
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA, Algorithm::PS256, Algorithm::RS256] {
        let key = SigningKey::generate(algorithm).unwrap();
        let token = gate.mint(&bound(&key));
        let signed = proof(&token).sign(&key).unwrap();
        assert_eq!(send(&gate, &token, &signed).await.verdict(), "ok", "{algorithm:?}");
        // The members that are not of the thumbprint may be left out.
        let mut bare = key.jwk().clone();
        for name in ["alg", "use", "kid"] {
            bare.as_object_mut().unwrap().remove(name);
        }
        let signed = proof(&token).header("jwk", bare).sign(&key).unwrap();
        assert_eq!(send(&gate, &token, &signed).await.verdict(), "ok", "{algorithm:?} bare");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_nonce_is_given_and_rotates() {
    let gate = Plan::new().set("/dpop", json!({ "require_nonce": true, "nonce_lifetime": "2s" })).start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let answer = send(&gate, &token, &proof(&token).sign(&key).unwrap()).await;
    assert_eq!(answer.verdict(), "401 use_dpop_nonce proof_nonce_required");
    assert!(answer.challenge().starts_with(
        "DPoP error=\"use_dpop_nonce\", error_description=\"Resource server requires nonce in DPoP proof\", algs="
    ));
    let nonce = answer.header("dpop-nonce").unwrap().to_owned();
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for _ in 0..2 {
        let signed = proof(&token).nonce(&nonce).sign(&key).unwrap();
        assert_eq!(send(&gate, &token, &signed).await.verdict(), "ok", "one nonce serves several proofs");
    }
    tokio::time::sleep(std::time::Duration::from_millis(3100)).await;
    let old = send(&gate, &token, &proof(&token).nonce(&nonce).sign(&key).unwrap()).await;
    assert_eq!(old.verdict(), "401 use_dpop_nonce proof_nonce_invalid");
    let fresh = old.header("dpop-nonce").unwrap();
    assert_ne!(fresh, nonce);
    assert!(send(&gate, &token, &proof(&token).nonce(fresh).sign(&key).unwrap()).await.allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_start_a_proof_needs_a_nonce_until_it_can_not_be_older() {
    let gate = Plan::new().set("/replay/accept_tokens_issued_before_start", json!(false)).start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let early = send(&gate, &token, &proof(&token).sign(&key).unwrap()).await;
    assert_eq!(early.verdict(), "401 use_dpop_nonce proof_predates_store");
    // A nonce of the second in which the store began could be older than it, so ask once more then.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let early = send(&gate, &token, &proof(&token).sign(&key).unwrap()).await;
    let nonce = early.header("dpop-nonce").expect("a nonce").to_owned();
    assert!(send(&gate, &token, &proof(&token).nonce(&nonce).sign(&key).unwrap()).await.allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn nonces_of_one_key_file_are_good_at_every_replica() {
    let start = |plan: Plan, secret: u8| {
        std::fs::write(plan.dir.root().join("nonce.key"), [secret; 32]).unwrap();
        plan.set("/dpop", json!({ "require_nonce": true, "nonce_key_file": "nonce.key" })).start()
    };
    let one = start(Plan::new(), 7);
    let replica = |secret: u8| {
        let plan = Plan::new();
        write_keys(&plan.dir.root().join("keys.json"), &[one.plan.key.jwk()]);
        start(plan, secret)
    };
    let key = key();
    let token = one.mint(&bound(&key));
    let nonce = send(&one, &token, &proof(&token).sign(&key).unwrap()).await.header("dpop-nonce").unwrap().to_owned();
    for (secret, verdict) in [(7, "ok"), (8, "401 use_dpop_nonce proof_nonce_invalid")] {
        let signed = proof(&token).nonce(&nonce).sign(&key).unwrap();
        assert_eq!(send(&replica(secret), &token, &signed).await.verdict(), verdict, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_can_not_be_checked_whole_is_refused() {
    let gate = Plan::new().start();
    for cnf in [json!(null), json!({}), json!({ "kid": "x" }), json!({ "jkt": "short" }), json!({ "jwk": {} })] {
        let token = gate.mint(&alice().claim("cnf", cnf.clone()));
        let answer = gate.get("/invoices", &token).await;
        assert_eq!(answer.verdict(), "401 invalid_token binding_unsupported", "{cnf}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_twice_needs_both() {
    let gate = Plan::new().start();
    let key = key();
    let token = gate.mint(&alice().claim("cnf", json!({ "jkt": key.kid(), "x5t#S256": THUMBPRINT })));
    let sign = || proof(&token).sign(&key).unwrap();
    let both = Call::get("/invoices").dpop(&token, &sign()).certificate(CERTIFICATE);
    assert_eq!(gate.ask(&both).await.verdict(), "ok");
    assert_eq!(send(&gate, &token, &sign()).await.reason, "certificate_missing");
    let bearer = Call::get("/invoices").bearer(&token).certificate(CERTIFICATE);
    assert_eq!(gate.ask(&bearer).await.reason, "bound_token_as_bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn challenges_name_both_schemes_where_both_would_do() {
    let gate = Plan::new().start();
    let metadata = "resource_metadata=\"https://invoices.demo.local/.well-known/oauth-protected-resource\"";
    let answer = gate.ask(&Call::get("/invoices")).await;
    let expected = format!(
        "Bearer scope=\"invoices:read\", {metadata}, DPoP scope=\"invoices:read\", algs=\"ES256 EdDSA\", {metadata}"
    );
    assert_eq!(answer.challenge(), expected);
    let two = Call::get("/invoices").header("authorization", "Bearer a").header("authorization", "DPoP b");
    let answer = gate.ask(&two).await;
    assert_eq!(answer.verdict(), "400 invalid_request header_repeated");
    assert_eq!(answer.challenge().matches("error=\"invalid_request\"").count(), 2, "{}", answer.challenge());
    // Where no URL is known, no proof can be for it.
    let gate = Plan::new().set("/services/0/audience", json!("invoices")).start();
    assert_eq!(
        gate.ask(&Call::get("/invoices")).await.challenge(),
        "Bearer realm=\"invoices\", scope=\"invoices:read\""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_observed_a_sender_is_refused_for_nothing() {
    let mut gate = Plan::new().set("/enforcement", json!({ "sender": "observe" })).start();
    let key = key();
    let token = gate.mint(&bound(&key));
    let signed = proof(&token).sign(&key).unwrap();
    for _ in 0..2 {
        assert!(send(&gate, &token, &signed).await.allowed(), "nor is a proof used up");
    }
    let stolen = gate.get("/invoices", &token).await;
    assert!(stolen.allowed());
    assert_eq!(gate.record(&stolen)["would_deny"], json!(["bound_token_as_bearer"]));
}
