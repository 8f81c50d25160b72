//! The issuer over HTTP, as hopgate and the demo's agents use it.

mod details;
mod dpop;
mod exchange;

use std::{future::pending, io};

use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Issuer, IssuerConfig, exchange::ACCESS_TOKEN, grant::TOKEN_EXCHANGE};
use crate::dev::mint::TokenBuilder;

const INVOICES: &str = "https://invoices.demo.local";

struct Running {
    issuer: Issuer,
    url: String,
    http: reqwest::Client,
}

/// An issuer on a port of its own, with the clients `planner` and `researcher`.
async fn start(path: &str) -> Running {
    start_with(path, |_| {}).await
}

async fn start_with(path: &str, change: impl FnOnce(&mut IssuerConfig)) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    let mut config = IssuerConfig::new(&url).client("planner", "s:1", &["invoices:read", "research:run"]).client(
        "researcher",
        "s2",
        &["invoices:read"],
    );
    change(&mut config);
    let issuer = Issuer::new(config).unwrap();
    let serving = issuer.clone();
    tokio::spawn(async move { serving.serve(listener, pending()).await });
    Running { issuer, url, http: reqwest::Client::new() }
}

impl Running {
    async fn get(&self, path: &str) -> Value {
        let origin = self.url.trim_end_matches("/as");
        self.http.get(format!("{origin}{path}")).send().await.unwrap().json().await.unwrap()
    }

    async fn post(&self, endpoint: &str, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let answer = self.http.post(format!("{}{endpoint}", self.url)).form(form).send().await.unwrap();
        assert_eq!(answer.headers().get("cache-control").map(|v| v.to_str().unwrap()), Some("no-store"));
        (answer.status(), answer.json().await.unwrap())
    }

    /// A user's token for `planner`.
    async fn user_token(&self, scope: &str) -> String {
        let form = [("sub", "alice"), ("client_id", "planner"), ("audience", INVOICES), ("scope", scope)];
        token(&self.post("/user-token", &form).await.1)
    }

    /// A token of a client's own.
    async fn own_token(&self, id: &str, secret: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        token(&self.post("/token", &form).await.1)
    }

    /// Exchanges at `client`'s wish: `more` replaces or adds parameters, and an empty value leaves one out.
    async fn exchange(&self, client: (&str, &str), subject: &str, more: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut form = vec![
            ("grant_type", TOKEN_EXCHANGE),
            ("client_id", client.0),
            ("client_secret", client.1),
            ("subject_token", subject),
            ("subject_token_type", ACCESS_TOKEN),
            ("audience", INVOICES),
        ];
        form.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
        form.extend(more);
        self.post("/token", &form).await
    }

    /// The claims, verified with what the issuer publishes now.
    async fn claims(&self, token: &str) -> Value {
        self.verified(token).await.unwrap()
    }

    async fn verified(&self, token: &str) -> Option<Value> {
        let keys: JwkSet = serde_json::from_value(self.get(&format!("{}/jwks", self.path())).await).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let jwk = keys.find(&header.kid.unwrap())?;
        let mut rules = Validation::new(header.alg);
        rules.validate_aud = false;
        Some(jsonwebtoken::decode(token, &DecodingKey::from_jwk(jwk).unwrap(), &rules).unwrap().claims)
    }

    fn path(&self) -> &str {
        if self.url.ends_with("/as") { "/as" } else { "" }
    }

    fn mint(&self) -> TokenBuilder {
        TokenBuilder::new(&self.url, "alice", INVOICES).client_id("planner").scope("invoices:read")
    }
}

const PLANNER: (&str, &str) = ("planner", "s:1");
const RESEARCHER: (&str, &str) = ("researcher", "s2");

fn token(body: &Value) -> String {
    body["access_token"].as_str().unwrap_or_else(|| unreachable!("no token in {body}")).to_owned()
}

fn refused(answer: &(StatusCode, Value), error: &str) {
    assert_eq!((answer.0, &answer.1["error"]), (StatusCode::BAD_REQUEST, &json!(error)), "{}", answer.1);
    // RFC 6749 section 5.2 on error_description.
    let description = answer.1["error_description"].as_str().unwrap();
    assert!(description.bytes().all(|b| matches!(b, 0x20 | 0x21 | 0x23..=0x5B | 0x5D..=0x7E)), "{description}");
}

#[tokio::test]
async fn both_kinds_of_discovery_say_it_is_a_dev_issuer() {
    for path in ["", "/as"] {
        let issuer = start(path).await;
        let metadata = issuer.get(&format!("/.well-known/oauth-authorization-server{path}")).await;
        assert_eq!(metadata, issuer.get(&format!("{path}/.well-known/openid-configuration")).await);
        assert_eq!((&metadata["hopgate_dev"], &metadata["issuer"]), (&json!(true), &json!(issuer.url)));
        assert_eq!(metadata["jwks_uri"], json!(format!("{}/jwks", issuer.url)));
        let claims = issuer.claims(&issuer.own_token("researcher", "s2").await).await;
        assert_eq!(claims["iss"], json!(issuer.url));
    }
}

#[tokio::test]
async fn client_credentials_gives_only_configured_scopes() {
    let issuer = start("").await;
    let ask = async |more: &[(&str, &str)]| {
        let answer = issuer.http.post(format!("{}/token", issuer.url)).basic_auth("researcher", Some("s2"));
        let form = [&[("grant_type", "client_credentials")], more].concat();
        let answer = answer.form(&form).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (status, body) = ask(&[("resource", INVOICES)]).await;
    assert_eq!((status, &body["token_type"], &body["expires_in"]), (StatusCode::OK, &json!("Bearer"), &json!(300)));
    let claims = issuer.claims(&token(&body)).await;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("researcher"), &json!("researcher")));
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(INVOICES), &json!("invoices:read")));
    assert_eq!(claims["exp"].as_u64().unwrap().checked_sub(claims["iat"].as_u64().unwrap()), Some(300));
    assert!(claims["jti"].is_string() && claims.get("act").is_none());

    refused(&ask(&[("scope", "invoices:read research:run")]).await, "invalid_scope");
    refused(&ask(&[("scope", "a\"b")]).await, "invalid_scope");
    refused(&ask(&[("resource", "invoices")]).await, "invalid_target");
    refused(&ask(&[("resource", "https://invoices.demo.local#x")]).await, "invalid_target");
    refused(&ask(&[("client_secret", "s2")]).await, "invalid_request");
    refused(&ask(&[("client_id", "planner")]).await, "invalid_request");
    refused(&ask(&[("scope", "invoices:read"), ("scope", "invoices:read")]).await, "invalid_request");
}

#[tokio::test]
async fn unknown_clients_grants_and_bodies_are_refused() {
    let issuer = start("").await;
    for (id, secret) in [("planner", "wrong"), ("nobody", "s2"), ("planner", ""), ("", "s2")] {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let (status, body) = issuer.post("/token", &form).await;
        assert!(matches!(body["error"].as_str(), Some("invalid_client" | "invalid_request")), "{body}");
        assert_eq!(status, if id.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED });
    }
    let asks = [("grant_type", "password"), ("client_id", "planner"), ("client_secret", "s:1")];
    refused(&issuer.post("/token", &asks).await, "unsupported_grant_type");
    refused(&issuer.post("/token", asks.get(1..).unwrap()).await, "invalid_request");
    let json = issuer.http.post(format!("{}/token", issuer.url)).json(&json!({})).send().await.unwrap();
    let status = json.status();
    refused(&(status, json.json().await.unwrap()), "invalid_request");
    let bearer =
        issuer.http.post(format!("{}/token", issuer.url)).bearer_auth("x").form(&asks[..1]).send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::UNAUTHORIZED);
    assert!(bearer.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn rotation_keeps_the_old_key_published_unless_told_otherwise() {
    let issuer = start("").await;
    let rotate = async |keep_old: &[(&str, &str)]| -> Value {
        let request = issuer.http.post(format!("{}/rotate", issuer.url));
        let request = if keep_old.is_empty() { request } else { request.form(keep_old) };
        request.send().await.unwrap().json().await.unwrap()
    };
    let old = issuer.user_token("invoices:read").await;
    let rotated = rotate(&[]).await;
    assert_eq!(rotated["published"].as_array().unwrap().len(), 2);
    assert_eq!(rotated["kid"], issuer.issuer.signing_key().kid());
    assert!(issuer.verified(&old).await.is_some());
    let new = token(&issuer.exchange(PLANNER, &old, &[]).await.1);
    assert!(issuer.verified(&new).await.is_some());

    assert_eq!(rotate(&[("keep_old", "maybe")]).await["error"], "invalid_request");
    let rotated = rotate(&[("keep_old", "false")]).await;
    assert_eq!(rotated["published"].as_array().unwrap().len(), 1);
    assert!(issuer.verified(&old).await.is_none());
    refused(&issuer.exchange(PLANNER, &old, &[]).await, "invalid_request");
}

#[tokio::test]
async fn a_user_token_needs_a_subject_a_client_and_an_audience() {
    let issuer = start("").await;
    let form = [("sub", "alice"), ("client_id", "planner"), ("audience", INVOICES)];
    assert_eq!(issuer.post("/user-token", &form).await.0, StatusCode::OK);
    for (left_out, error) in [(0, "invalid_request"), (1, "invalid_request"), (2, "invalid_target")] {
        let form: Vec<_> = form.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, pair)| *pair).collect();
        refused(&issuer.post("/user-token", &form).await, error);
    }
}

#[tokio::test]
async fn the_issuer_serves_only_loopback_and_stops_when_told() {
    let issuer = start("").await.issuer;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    assert_eq!(issuer.serve(open, pending()).await.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    let local = TcpListener::bind("127.0.0.1:0").await.unwrap();
    issuer.serve(local, std::future::ready(())).await.unwrap();
}
