use hopgate::dev::keys::SigningKey;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::new_key;
use crate::support::Plan;
use crate::support::plan::write_keys;
use crate::support::tokens::alice;

const ALL: [Algorithm; 9] = [
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

#[tokio::test(flavor = "multi_thread")]
async fn nine_algorithms_are_accepted_each_with_its_own_key() {
    let plan = Plan::new();
    let keys: Vec<_> = ALL.into_iter().map(|algorithm| SigningKey::generate(algorithm).expect("a key")).collect();
    write_keys(&plan.dir.root().join("keys.json"), &keys.iter().map(SigningKey::jwk).collect::<Vec<_>>());
    let names: Vec<_> = keys.iter().map(SigningKey::alg).collect();
    let gate = plan.set("/issuers/0/algorithms", json!(names)).start();
    for (at, key) in keys.iter().enumerate() {
        let good = alice().sign(key).expect("signed");
        assert_eq!(gate.get("/open", &good).await.verdict(), "ok", "{}", key.alg());
        // RFC 8725 section 3.1: "each key MUST be used with exactly one algorithm".
        let next = &keys[(at + 1) % keys.len()];
        let lie = alice().header("alg", json!(next.alg())).sign(key).expect("signed");
        let verdict = gate.get("/open", &lie).await.verdict();
        assert_eq!(verdict, "401 invalid_token algorithm_not_of_key", "{} as {}", key.alg(), next.alg());
        let stolen_kid = alice().header("kid", json!(next.kid())).sign(key).expect("signed");
        let verdict = gate.get("/open", &stolen_kid).await.verdict();
        assert_eq!(verdict, "401 invalid_token algorithm_not_of_key", "{} under another kid", key.alg());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_names_no_algorithm_serves_one_only() {
    let plan = Plan::new();
    let rsa = SigningKey::generate(Algorithm::PS256).expect("a key");
    let mut jwk: Value = rsa.jwk().clone();
    jwk.as_object_mut().unwrap().remove("alg");
    write_keys(&plan.dir.root().join("keys.json"), &[&jwk]);
    let gate = plan.set("/issuers/0/algorithms", json!(["PS256", "RS256"])).start();
    assert_eq!(gate.get("/open", &alice().sign(&rsa).expect("signed")).await.verdict(), "ok");
    let other = alice().header("alg", json!("RS256")).sign(&rsa).expect("signed");
    assert_eq!(gate.get("/open", &other).await.verdict(), "401 invalid_token algorithm_not_of_key");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_the_operator_did_not_list_is_refused_although_a_key_fits() {
    let plan = Plan::new();
    let es384 = SigningKey::generate(Algorithm::ES384).expect("a key");
    write_keys(&plan.dir.root().join("keys.json"), &[plan.key.jwk(), es384.jwk()]);
    let gate = plan.start();
    let token = alice().sign(&es384).expect("signed");
    assert_eq!(gate.get("/open", &token).await.verdict(), "401 invalid_token algorithm_not_allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_of_one_kid_and_algorithm_are_ambiguous() {
    let plan = Plan::new();
    let (one, two) = (new_key().with_kid("same"), new_key().with_kid("same"));
    write_keys(&plan.dir.root().join("keys.json"), &[one.jwk(), two.jwk(), plan.key.jwk()]);
    let gate = plan.start();
    for key in [&one, &two] {
        let verdict = gate.get("/open", &alice().sign(key).expect("signed")).await.verdict();
        assert_eq!(verdict, "401 invalid_token key_ambiguous");
    }
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
}
