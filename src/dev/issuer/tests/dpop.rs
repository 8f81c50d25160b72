//! Token requests with a `DPoP` proof (RFC 9449 section 5).

use jsonwebtoken::Algorithm;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{INVOICES, Running, TOKEN_EXCHANGE, refused, start, token};
use crate::dev::{issuer::exchange::ACCESS_TOKEN, keys::SigningKey, mint::now, proof::ProofBuilder};

async fn exchange(issuer: &Running, proofs: &[String]) -> (StatusCode, Value) {
    let user = issuer.user_token("invoices:read").await;
    let form = [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", user.as_str()),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", INVOICES),
    ];
    let request = issuer.http.post(format!("{}/token", issuer.url)).basic_auth("researcher", Some("s2")).form(&form);
    let request = proofs.iter().fold(request, |request, proof| request.header("dpop", proof));
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_proof_binds_the_token_to_its_key() {
    for path in ["", "/as"] {
        let issuer = start(path).await;
        for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA] {
            let key = SigningKey::generate(algorithm).unwrap();
            let proof = ProofBuilder::new("POST", &format!("{}/token", issuer.url), "").without_claim("ath");
            let (status, body) = exchange(&issuer, &[proof.sign(&key).unwrap()]).await;
            assert_eq!((status, &body["token_type"]), (StatusCode::OK, &json!("DPoP")), "{body}");
            assert_eq!(issuer.claims(&token(&body)).await["cnf"], json!({ "jkt": key.kid() }));
        }
        let (_, body) = exchange(&issuer, &[]).await;
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(issuer.claims(&token(&body)).await.get("cnf"), None);
    }
}

#[tokio::test]
async fn a_proof_that_is_not_of_this_request_gives_no_token() {
    let issuer = start("").await;
    let (key, other) =
        (SigningKey::generate(Algorithm::ES256).unwrap(), SigningKey::generate(Algorithm::ES256).unwrap());
    let url = format!("{}/token", issuer.url);
    let good = ProofBuilder::new("POST", &url, "").without_claim("ath");
    let signed = good.sign(&key).unwrap();
    let bad = [
        ("no proof at all", Ok("x".to_owned())),
        ("of another kind", good.clone().header("typ", json!("JWT")).sign(&key)),
        ("another's key shown", good.clone().header("jwk", other.jwk().clone()).sign(&key)),
        ("no key shown", good.clone().without_header("jwk").sign(&key)),
        ("alg none", good.clone().header("alg", json!("none")).sign(&key)),
        ("a shared secret", good.clone().header("alg", json!("HS256")).sign(&key)),
        ("another method", good.clone().claim("htm", json!("GET")).sign(&key)),
        ("another place", good.clone().claim("htu", json!(issuer.url)).sign(&key)),
        ("old", good.clone().claim("iat", json!(now().saturating_sub(61))).sign(&key)),
        ("to come", good.clone().claim("iat", json!(now().saturating_add(70))).sign(&key)),
        ("no id", good.clone().without_claim("jti").sign(&key)),
        ("changed", Ok(signed.replacen('.', ".A", 1))),
    ];
    for (what, proof) in bad {
        let answer = exchange(&issuer, &[proof.unwrap()]).await;
        assert_eq!(answer.1["error"], "invalid_dpop_proof", "{what}: {}", answer.1);
        refused(&answer, "invalid_dpop_proof");
    }
    refused(&exchange(&issuer, &[signed.clone(), signed]).await, "invalid_dpop_proof");
}
