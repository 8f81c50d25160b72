use serde_json::json;

use super::{UNAVAILABLE, new_key, plan, token, verdict};
use crate::support::eventually;
use crate::support::keyserver::{KeyServer, Reply};
use crate::support::plan::{replace_file, set};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_keys_are_kept_through_an_outage_up_to_a_stated_age() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let mut gate = plan(&server, &json!({ "refresh": "1s", "max_stale": "6s" })).start();
    gate.until_ready().await;
    let remembered = token(&server.issuer(), &key);
    assert_eq!(gate.get("/open", &remembered).await.verdict(), "ok");
    server.reply("/jwks", Reply::Close);
    let failures = format!("hopgate_issuer_key_fetches_total{{issuer=\"{}\",result=\"failure\"}}", server.issuer());
    eventually("a failed refresh", async || (gate.metric(&failures) > 0.5).then_some(())).await;
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, "ok");
    assert_eq!(gate.admin_get("/readyz").status, 200);

    eventually("the keys to be too old", async || {
        (gate.get("/open", &remembered).await.verdict() == UNAVAILABLE).then_some(())
    })
    .await;
    let answer = gate.get("/open", &remembered).await;
    assert_eq!(answer.verdict(), UNAVAILABLE, "a token remembered as verified is no better than its keys");
    assert_eq!(gate.record(&answer)["token_verified"], false);
    assert_eq!(gate.admin_get("/readyz").status, 503);
    server.keys(&[key.jwk()]);
    eventually("the issuer to be back", async || {
        (gate.get("/open", &remembered).await.verdict() == "ok").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_does_not_make_old_keys_young() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let gate = plan(&server, &json!({ "refresh": "1s", "max_stale": "5s" })).start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Close);
    let mut config = gate.plan.config.clone();
    set(&mut config, "/issuers/0/refresh", json!("2s"));
    replace_file(&gate.plan.file(), &config.to_string());
    gate.until_metric(r#"hopgate_config_reloads_total{result="success"}"#, 2.0).await;
    eventually("the keys to be too old", async || {
        (verdict(&gate, &server.issuer(), &key).await == UNAVAILABLE).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_keeps_good_keys_keeps_readiness() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let gate = plan(&server, &json!({})).start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Hang);
    let mut config = gate.plan.config.clone();
    set(&mut config, "/issuers/0/refresh", json!("4m"));
    replace_file(&gate.plan.file(), &config.to_string());
    gate.until_metric(r#"hopgate_config_reloads_total{result="success"}"#, 2.0).await;
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, "ok");
    let ready = gate.admin_get("/readyz");
    assert_eq!((ready.status, ready.text()), (200, "ok\n".to_owned()), "the mesh would take the sidecar out");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_issuers_outage_touches_no_other() {
    let (up, down, key) = (KeyServer::start().await, KeyServer::start().await, new_key());
    up.keys(&[key.jwk()]);
    down.reply("/jwks", Reply::Hang);
    let plan = plan(&up, &json!({})).edit(|config| {
        let issuer = json!({ "issuer": down.issuer(), "jwks": { "uri": down.url("/jwks") } });
        config["issuers"].as_array_mut().unwrap().push(issuer);
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(up.issuer());
        }
    });
    let mut gate = plan.start();
    eventually("the issuer that is up", async || (verdict(&gate, &up.issuer(), &key).await == "ok").then_some(()))
        .await;
    for _ in 0..20 {
        let answer = gate.get("/open", &token(&down.issuer(), &key)).await;
        assert_eq!(answer.verdict(), UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("1"));
        let record = gate.record(&answer);
        assert_eq!((&record["check"], &record["claimed"]["issuer"]), (&json!("token"), &json!(down.issuer())));
        assert_eq!(verdict(&gate, &up.issuer(), &key).await, "ok");
    }
}
