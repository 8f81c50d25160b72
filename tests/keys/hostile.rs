use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{UNAVAILABLE, new_key, plan, verdict};
use crate::support::keyserver::{KeyServer, Reply};
use crate::support::tokens::segment;
use crate::support::{Gate, Plan, eventually, gate::command};

/// One hopgate with an issuer for every way of misbehaving, and one good one among them.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_misbehaves_gives_no_keys_hurts_nobody_else_and_may_recover() {
    let key = new_key();
    let jwk = key.jwk().to_string();
    let private = {
        let mut jwk = key.jwk().clone();
        jwk["d"] = json!(segment([1; 32]));
        json!({ "keys": [jwk] }).to_string()
    };
    let elsewhere = KeyServer::start().await;
    elsewhere.keys(&[key.jwk()]);
    let oct = json!({ "keys": [{ "kty": "oct", "kid": key.kid(), "alg": "HS256", "k": segment([1; 32]) }] });
    let many = format!("{{\"keys\":[{}]}}", vec![jwk.clone(); 101].join(","));
    let faults = [
        ("hangs", Reply::Hang),
        ("redirects", Reply::Redirect(elsewhere.url("/jwks"))),
        ("sends 100 MB", Reply::Flood(100_000_000)),
        ("sends HTML", Reply::Status(200, "<html>Sign in</html>".to_owned())),
        ("fails", Reply::Status(500, json!({ "keys": [key.jwk()] }).to_string())),
        ("has created something", Reply::Status(201, json!({ "keys": [key.jwk()] }).to_string())),
        ("closes the connection", Reply::Close),
        ("repeats a member", Reply::Json(format!(r#"{{"keys":[],"keys":[{jwk}]}}"#))),
        ("repeats a member of a key", Reply::Json(format!(r#"{{"keys":[{{"kid":"x",{}]}}"#, &jwk[1..]))),
        ("has a symmetric key", Reply::Json(oct.to_string())),
        ("publishes its private key", Reply::Json(private)),
        ("is empty", Reply::Json(r#"{"keys":[]}"#.to_owned())),
        ("is no set", Reply::Json(format!("[{jwk}]"))),
        ("is one key", Reply::Json(jwk)),
        ("has 101 keys", Reply::Json(many)),
    ];
    let mut servers = Vec::new();
    for (name, reply) in faults {
        let server = KeyServer::start().await;
        server.reply("/jwks", reply);
        servers.push((name, server));
    }
    let good = KeyServer::start().await;
    good.keys(&[key.jwk()]);
    let issuer = |server: &KeyServer| json!({ "issuer": server.issuer(), "jwks": { "uri": server.url("/jwks") } });
    let plan = Plan::new().edit(|config| {
        config["issuers"] = servers.iter().map(|(_, server)| issuer(server)).chain([issuer(&good)]).collect();
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(good.issuer());
        }
    });
    let mut gate = plan.start();
    let before = gate.service.resident_bytes().expect("alive");
    let good_issuer = good.issuer();
    eventually("the good issuer", async || (verdict(&gate, &good_issuer, &key).await == "ok").then_some(())).await;
    assert_eq!(gate.admin_get("/readyz").status, 503, "one endpoint still hangs in its first fetch");
    gate.until_ready().await;
    for (name, server) in &servers {
        let answer = gate.get("/direct", &undelegated(&server.issuer(), &key)).await;
        assert_eq!(answer.verdict(), UNAVAILABLE, "{name}");
        assert_eq!(gate.record(&answer)["reason"], "keys_unavailable", "{name}");
        let series = format!("hopgate_issuer_key_fetches_total{{issuer=\"{}\",result=\"failure\"}}", server.issuer());
        assert!(gate.metric(&series) > 0.5, "{name}");
    }
    assert_eq!(elsewhere.asked("/jwks"), 0, "no redirect is followed");
    let flood = &servers[2].1;
    assert!(flood.sent() < 20_000_000 * flood.asked("/jwks").max(1), "{} bytes were taken", flood.sent());
    let after = gate.service.resident_bytes().expect("alive");
    // The 100 MB were not held. A part of the growth is code, read from disk when it is first used.
    assert!(after < before + 64 * 1024 * 1024, "from {before} to {after}");
    assert!(!gate.log().contains("panic"), "{}", gate.log());

    for (_, server) in &servers {
        server.keys(&[key.jwk()]);
    }
    for (name, server) in &servers {
        let token = undelegated(&server.issuer(), &key);
        let what = format!("the issuer that {name}");
        eventually(&what, async || (gate.get("/direct", &token).await.verdict() == "ok").then_some(())).await;
    }
}

fn undelegated(issuer: &str, key: &hopgate::dev::keys::SigningKey) -> String {
    crate::support::tokens::of("alice").claim("iss", json!(issuer)).sign(key).expect("signed")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_hangs_at_the_start_keeps_nobody_waiting() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.reply("/jwks", Reply::Hang);
    let gate = plan(&server, &json!({})).start();
    let started = Instant::now();
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, UNAVAILABLE);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(gate.admin_get("/livez").status, 200);
    let ready = gate.admin_get("/readyz");
    assert_eq!((ready.status, ready.text()), (503, "not ready: waiting for the first keys\n".to_owned()));
}

/// Plain http is taken on loopback because nobody is on the way there. A proxy would be.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_of_the_environment_never_sees_a_fetch_from_loopback() {
    let (server, proxy, key, forged) = (KeyServer::start().await, KeyServer::start().await, new_key(), new_key());
    server.keys(&[key.jwk()]);
    let keys: Value = json!({ "keys": [forged.clone().with_kid(key.kid()).jwk()] });
    proxy.reply(&server.url("/jwks"), Reply::Json(keys.to_string()));
    let plan = plan(&server, &json!({}));
    plan.write();
    let mut program = command();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        program.env(name, proxy.url(""));
    }
    program.env_remove("NO_PROXY").env_remove("no_proxy");
    let gate = Gate::start_as_written(plan, program);
    eventually("the end of the first fetch", async || {
        (gate.log().contains("keys fetched") || gate.log().contains("keys not fetched")).then_some(())
    })
    .await;
    assert_eq!(proxy.asked(&server.url("/jwks")), 0, "the proxy could replace the keys");
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, "ok");
}
