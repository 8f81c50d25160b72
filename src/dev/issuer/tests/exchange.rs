//! Token exchange over HTTP.

use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::StatusCode;
use serde_json::json;

use super::{PLANNER, RESEARCHER, refused, start, token};
use crate::dev::{
    issuer::exchange::ACCESS_TOKEN,
    keys::SigningKey,
    mint::{TokenBuilder, now},
};

#[tokio::test]
async fn token_exchange_keeps_the_subject_and_deepens_act() {
    let issuer = start("").await;
    let user = issuer.user_token("invoices:read research:run").await;
    assert_eq!(issuer.claims(&user).await.get("act"), None);

    let (status, body) = issuer.exchange(PLANNER, &user, &[("audience", "https://research.demo.local")]).await;
    assert_eq!((status, &body["issued_token_type"]), (StatusCode::OK, &json!(ACCESS_TOKEN)), "{body}");
    let first = token(&body);
    let claims = issuer.claims(&first).await;
    assert_eq!((&claims["sub"], &claims["act"]), (&json!("alice"), &json!({ "sub": "planner" })));
    assert_eq!(
        (&claims["aud"], &claims["scope"]),
        (&json!("https://research.demo.local"), &json!("invoices:read research:run"))
    );

    let own = issuer.own_token("researcher", "s2").await;
    let actor = [("actor_token", own.as_str()), ("actor_token_type", ACCESS_TOKEN), ("scope", "invoices:read")];
    let claims = issuer.claims(&token(&issuer.exchange(RESEARCHER, &first, &actor).await.1)).await;
    assert_eq!(claims["act"], json!({ "sub": "researcher", "act": { "sub": "planner" } }));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("alice"), &json!("researcher")));
    assert_eq!(claims["scope"], "invoices:read");
}

#[tokio::test]
async fn token_exchange_never_widens_scope_or_lifetime() {
    let issuer = start("").await;
    let user = issuer.user_token("invoices:read").await;
    // `research:run` is configured for planner, but alice did not give it.
    refused(&issuer.exchange(PLANNER, &user, &[("scope", "invoices:read research:run")]).await, "invalid_scope");
    refused(
        &issuer.exchange(PLANNER, &issuer.user_token("").await, &[("scope", "invoices:read")]).await,
        "invalid_scope",
    );

    let key = issuer.issuer.signing_key();
    let short = issuer.mint().lifetime(Duration::from_secs(60)).claim("acr", json!("mfa")).sign(&key).unwrap();
    let (_, body) = issuer.exchange(PLANNER, &short, &[]).await;
    let claims = issuer.claims(&token(&body)).await;
    assert!(body["expires_in"].as_u64().unwrap() <= 60, "{body}");
    assert!(claims["exp"].as_u64().unwrap() <= now().saturating_add(60));
    assert_eq!(claims["acr"], "mfa");
}

#[tokio::test]
async fn the_exchange_refuses_foreign_expired_and_malformed_tokens() {
    let issuer = start("").await;
    let key = issuer.issuer.signing_key();
    let foreign = SigningKey::generate(Algorithm::ES256).unwrap();
    let good = issuer.mint();
    let signed = good.sign(&key).unwrap();
    assert_eq!(issuer.exchange(PLANNER, &signed, &[]).await.0, StatusCode::OK);
    let bad = [
        ("foreign key", good.sign(&foreign)),
        ("foreign key under our kid", good.sign(&foreign.with_kid(key.kid()))),
        ("expired", good.clone().issued_at(now().saturating_sub(301)).sign(&key)),
        ("not yet", good.clone().claim("nbf", json!(now().saturating_add(60))).sign(&key)),
        ("another issuer", good.clone().claim("iss", json!("https://other.example")).sign(&key)),
        ("no expiry", good.clone().without_claim("exp").sign(&key)),
        ("an id token", good.clone().header("typ", json!("JWT")).sign(&key)),
        ("no typ", good.clone().without_header("typ").sign(&key)),
        ("another alg", good.clone().header("alg", json!("ES384")).sign(&key)),
        ("no kid", good.clone().without_header("kid").sign(&key)),
        ("null act", good.clone().claim("act", json!(null)).sign(&key)),
        ("act is text", good.clone().claim("act", json!("planner")).sign(&key)),
        ("act without sub", good.clone().claim("act", json!({ "act": { "sub": "a" } })).sign(&key)),
        ("inner act without sub", good.clone().claim("act", json!({ "sub": "a", "act": {} })).sign(&key)),
        ("inner sub empty", good.clone().claim("act", json!({ "sub": "a", "act": { "sub": "" } })).sign(&key)),
        ("scope is a list", good.clone().claim("scope", json!(["a"])).sign(&key)),
        ("another may act", good.clone().claim("may_act", json!({ "sub": "researcher" })).sign(&key)),
        ("malformed", Ok("a.b.c".to_owned())),
        ("cut off", Ok(signed.rsplit_once('.').unwrap().0.to_owned())),
        ("altered", Ok(signed.replacen('.', ".A", 1))),
    ];
    for (what, token) in bad {
        let answer = issuer.exchange(PLANNER, &token.unwrap(), &[]).await;
        assert_eq!(answer.1["error"], "invalid_request", "{what}: {}", answer.1);
        refused(&answer, "invalid_request");
    }
}

#[tokio::test]
async fn the_exchange_refuses_actors_that_are_not_the_client() {
    let issuer = start("").await;
    let user = issuer.user_token("invoices:read").await;
    let key = issuer.issuer.signing_key();
    let own = TokenBuilder::new(&issuer.url, "planner", &issuer.url);
    for actor in [
        issuer.own_token("researcher", "s2").await,
        own.clone().actors(["researcher"]).sign(&key).unwrap(),
        own.clone().client_id("researcher").sign(&key).unwrap(),
        own.clone().issued_at(0).sign(&key).unwrap(),
        user.clone(),
    ] {
        let more = [("actor_token", actor.as_str()), ("actor_token_type", ACCESS_TOKEN)];
        refused(&issuer.exchange(PLANNER, &user, &more).await, "invalid_request");
    }
    let own = own.sign(&key).unwrap();
    for more in [
        &[("actor_token", own.as_str())][..],
        &[("actor_token_type", ACCESS_TOKEN)],
        &[("actor_token", own.as_str()), ("actor_token_type", "urn:ietf:params:oauth:token-type:id_token")],
        &[("subject_token_type", "")],
        &[("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")],
        &[("subject_token", "")],
        &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
    ] {
        refused(&issuer.exchange(PLANNER, &user, more).await, "invalid_request");
    }
    refused(&issuer.exchange(PLANNER, &user, &[("audience", "")]).await, "invalid_target");
    let two = [("audience", "a"), ("audience", "b"), ("resource", "https://c.example"), ("audience", "a")];
    let claims = issuer.claims(&token(&issuer.exchange(PLANNER, &user, &two).await.1)).await;
    assert_eq!(claims["aud"], json!(["a", "b", "https://c.example"]));
}

#[tokio::test]
async fn how_the_person_authenticated_is_in_every_token_of_the_chain() {
    let issuer = start("").await;
    let ask = async |more: &[(&str, &str)]| {
        let form = [("sub", "alice"), ("client_id", "planner"), ("audience", "https://planner.demo.local")];
        issuer.post("/user-token", &[&form, more].concat()).await
    };
    let plain = issuer.claims(&token(&ask(&[]).await.1)).await;
    assert_eq!((plain.get("acr"), plain.get("auth_time")), (None, None));

    let old = now().saturating_sub(600);
    let since = old.to_string();
    for (more, acr, earliest) in [
        (vec![("acr_values", "urn:demo:mfa urn:demo:pwd")], json!("urn:demo:mfa"), now()),
        (vec![("acr_values", "urn:demo:mfa"), ("auth_time", &since)], json!("urn:demo:mfa"), old),
        (vec![("auth_time", &since)], json!(null), old),
    ] {
        let user = token(&ask(&more).await.1);
        let first = token(&issuer.exchange(PLANNER, &user, &[]).await.1);
        let second = token(&issuer.exchange(RESEARCHER, &first, &[]).await.1);
        for link in [&user, &first, &second] {
            let claims = issuer.claims(link).await;
            assert_eq!(claims["acr"], acr, "{more:?}");
            assert!(
                (earliest..earliest.saturating_add(5)).contains(&claims["auth_time"].as_u64().unwrap()),
                "{claims}"
            );
        }
    }
    let tomorrow = now().saturating_add(86_400).to_string();
    for bad in ["yesterday", "-1", "1.5", &tomorrow] {
        refused(&ask(&[("auth_time", bad)]).await, "invalid_request");
    }
}
