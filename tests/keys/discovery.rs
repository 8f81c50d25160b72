use serde_json::{Value, json};

use super::{UNAVAILABLE, new_key, verdict};
use crate::support::keyserver::{KeyServer, Reply};
use crate::support::{Plan, eventually};

const RFC_8414: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

fn metadata(issuer: &str, jwks_uri: &str) -> Reply {
    Reply::Json(json!({ "issuer": issuer, "jwks_uri": jwks_uri, "hopgate_dev": true }).to_string())
}

fn discovered(issuer: &str) -> Plan {
    Plan::new().set("/issuers/0", json!({ "issuer": issuer }))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_found_by_rfc_8414_and_then_by_openid_connect() {
    for (at, path) in [
        // RFC 8414 section 3.1: the well-known path goes between host and path of the issuer.
        (RFC_8414.to_owned(), ""),
        (format!("{RFC_8414}/tenant"), "/tenant"),
        (OPENID.to_owned(), ""),
        (format!("/tenant{OPENID}"), "/tenant"),
    ] {
        let (server, key) = (KeyServer::start().await, new_key());
        let issuer = format!("{}{path}", server.issuer());
        server.keys(&[key.jwk()]);
        server.reply(&at, metadata(&issuer, &server.url("/jwks")));
        let gate = discovered(&issuer).start();
        gate.until_ready().await;
        assert_eq!(verdict(&gate, &issuer, &key).await, "ok", "{at}");
        assert_eq!(server.asked("/jwks"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_not_the_issuers_own_is_not_believed() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let (issuer, jwks) = (server.issuer(), server.url("/jwks"));
    let json = |value: Value| Reply::Json(value.to_string());
    for (name, reply) in [
        // RFC 8414 section 3.3: the issuer returned "MUST be identical" to the one it was asked for.
        ("another issuer", metadata("http://127.0.0.1:1", &jwks)),
        ("a trailing slash", metadata(&format!("{issuer}/"), &jwks)),
        ("no issuer", json(json!({ "jwks_uri": jwks }))),
        ("a list of issuers", json(json!({ "issuer": [issuer], "jwks_uri": jwks }))),
        ("no jwks_uri", json(json!({ "issuer": issuer }))),
        ("keys over plain http", metadata(&issuer, "http://keys.example/jwks")),
        ("keys in a file", metadata(&issuer, "file:///etc/passwd")),
        ("no URL", metadata(&issuer, "jwks")),
        ("an array", Reply::Json("[]".to_owned())),
        ("issuer twice", Reply::Json(format!(r#"{{"issuer":"{issuer}","issuer":"{issuer}","jwks_uri":"{jwks}"}}"#))),
        ("HTML", Reply::Status(200, "<html>Sign in</html>".to_owned())),
        ("a redirect", Reply::Redirect(server.url("/elsewhere"))),
    ] {
        server.reply(RFC_8414, reply);
        server.reply("/elsewhere", metadata(&issuer, &jwks));
        let gate = discovered(&issuer).start();
        eventually("a failed fetch", async || {
            gate.log().contains("keys not fetched, and there are none").then_some(())
        })
        .await;
        assert_eq!(verdict(&gate, &issuer, &key).await, UNAVAILABLE, "{name}: {}", gate.log());
        assert_eq!(gate.admin_get("/readyz").status, 503, "{name}");
    }
    assert_eq!((server.asked("/jwks"), server.asked("/elsewhere")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dev_issuer_is_discovered_and_its_rotation_followed() {
    use hopgate::dev::issuer::{Issuer, IssuerConfig};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let name = format!("http://{}", listener.local_addr().expect("its address"));
    let issuer = Issuer::new(IssuerConfig::new(&name)).expect("an issuer");
    let serving = issuer.clone();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let gate = discovered(&name).set("/issuers/0/cooldown", json!("1s")).start();
    gate.until_ready().await;
    assert_eq!(verdict(&gate, &name, &issuer.signing_key()).await, "ok");
    let old = issuer.signing_key();
    let new = issuer.rotate(false).expect("a new key");
    eventually("the new key", async || (verdict(&gate, &name, &new).await == "ok").then_some(())).await;
    assert_eq!(verdict(&gate, &name, &old).await, "401 invalid_token key_unknown");
}
