use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{new_key, plan, token, verdict};
use crate::support::keyserver::{KeyServer, Reply};
use crate::support::plan::{replace_file, set};
use crate::support::tokens::alice;
use crate::support::{Call, Gate, eventually};

const UNKNOWN: &str = "401 invalid_token key_unknown";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_kid_fetches_the_keys_anew_and_the_call_that_asked_for_it_passes() {
    let (server, old, new) = (KeyServer::start().await, new_key(), new_key());
    server.keys(&[old.jwk()]);
    let gate = plan(&server, &json!({ "cooldown": "1s" })).start();
    gate.until_ready().await;
    let issuer = server.issuer();
    let remembered = token(&issuer, &old);
    assert_eq!(gate.get("/open", &remembered).await.verdict(), "ok");
    let started = server.asked_at("/jwks")[0];
    server.keys(&[new.jwk()]);
    eventually("the cool-down to pass", async || (started.elapsed() > Duration::from_millis(1100)).then_some(())).await;
    assert_eq!(verdict(&gate, &issuer, &new).await, "ok", "at its first call");
    assert_eq!(server.asked("/jwks"), 2);
    // STANDARDS 112: a key that was removed checks nothing any more, remembered tokens included.
    assert_eq!(gate.get("/open", &remembered).await.verdict(), UNKNOWN);
    assert_eq!(verdict(&gate, &issuer, &old).await, UNKNOWN);
}

/// Tokens of unknown kids, as many as fit into `span`.
async fn flood(gate: &Gate, issuer: &str, span: Duration) -> usize {
    let key = new_key();
    let started = Instant::now();
    let mut sent = 0;
    while started.elapsed() < span {
        let calls = (0..50).map(|n| {
            let header = alice().claim("iss", json!(issuer)).header("kid", json!(format!("unknown-{sent}-{n}")));
            let call = Call::get("/open").bearer(&header.sign(&key).expect("signed"));
            async move { gate.ask(&call).await.verdict() }
        });
        for verdict in futures_util::future::join_all(calls).await {
            assert_eq!(verdict, UNKNOWN);
        }
        sent += 50;
    }
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_unknown_kids_fetches_once_per_cool_down_whatever_the_set_holds() {
    let key = new_key();
    let then = |fails: bool, reply: Reply| {
        let jwk = key.jwk().clone();
        async move {
            let server = KeyServer::start().await;
            server.keys(&[&jwk]);
            let gate = plan(&server, &json!({ "cooldown": "2s" })).start();
            gate.until_ready().await;
            server.reply("/jwks", reply);
            let sent = flood(&gate, &server.issuer(), Duration::from_secs(5)).await;
            assert!(sent > 200, "{sent}");
            // In 5 s: the first one, those of two cool-downs, and after a failure hopgate's own
            // retries at growing distances, which no caller can hasten.
            let asked = server.asked_at("/jwks");
            let most = if fails { 6 } else { 4 };
            assert!((2..=most).contains(&asked.len()), "{asked:?}");
            for pair in asked.windows(2) {
                let least = if fails { 900 } else { 1800 };
                assert!(pair[1] - pair[0] > Duration::from_millis(least), "{:?}", pair[1] - pair[0]);
            }
            gate.get("/open", &token(&server.issuer(), &new_key())).await.verdict()
        }
    };
    let verdicts = tokio::join!(
        then(false, Reply::Json(json!({ "keys": [key.jwk()] }).to_string())),
        then(true, Reply::Json(r#"{"keys":[]}"#.to_owned())),
        then(true, Reply::Status(500, String::new())),
        then(true, Reply::Close),
        then(true, Reply::Hang),
    );
    assert_eq!(verdicts, (UNKNOWN.into(), UNKNOWN.into(), UNKNOWN.into(), UNKNOWN.into(), UNKNOWN.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cool_down_holds_from_the_first_fetch_on() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let gate = plan(&server, &json!({ "cooldown": "1h" })).start();
    gate.until_ready().await;
    flood(&gate, &server.issuer(), Duration::from_secs(1)).await;
    assert_eq!(server.asked("/jwks"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_token_of_a_known_kid_fetches_nothing() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let gate = plan(&server, &json!({ "cooldown": "1s" })).start();
    gate.until_ready().await;
    let forger = new_key().with_kid(key.kid());
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(1500) {
        let verdict = verdict(&gate, &server.issuer(), &forger).await;
        assert_eq!(verdict, "401 invalid_token signature_invalid");
    }
    assert_eq!(server.asked("/jwks"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refetch_from_an_endpoint_that_hangs_makes_nobody_wait_long() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let gate = plan(&server, &json!({ "cooldown": "1s" })).start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Hang);
    let started = server.asked_at("/jwks")[0];
    eventually("the cool-down to pass", async || (started.elapsed() > Duration::from_millis(1100)).then_some(())).await;
    let asked = Instant::now();
    assert_eq!(verdict(&gate, &server.issuer(), &new_key()).await, UNKNOWN);
    // Envoy gives up after 200 ms unless told otherwise; a busy machine is allowed some more.
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, "ok", "known keys go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_limit_of_checks_in_progress_an_immediate_503() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let plan = plan(&server, &json!({ "cooldown": "1s" })).set("/limits/concurrency", json!(2));
    let mut gate = plan.start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Hang);
    let overloaded = "503 temporarily_unavailable overloaded";
    // Each waits up to 100 ms for keys that do not come, and holds its place meanwhile.
    let seen = eventually("an overload", async || {
        let stranger = token(&server.issuer(), &new_key());
        let calls = (0..20).map(|_| gate.get("/open", &stranger));
        let answers = futures_util::future::join_all(calls).await;
        for answer in &answers {
            assert!([UNKNOWN, overloaded].contains(&answer.verdict().as_str()), "{}", answer.verdict());
        }
        answers.into_iter().find(|answer| answer.verdict() == overloaded)
    })
    .await;
    let record = gate.record(&seen);
    assert_eq!((&record["reason"], &record["check"]), (&json!("overloaded"), &json!("service")));
    let series = r#"hopgate_decisions_total{decision="deny",reason="overloaded",check="service"}"#;
    assert!(gate.metric(series) > 0.5);
    assert_eq!(verdict(&gate, &server.issuer(), &key).await, "ok", "and then it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_name_unknown_kids_do_not_shut_out_those_who_have_tokens() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let plan = plan(&server, &json!({ "cooldown": "1s" })).set("/limits/concurrency", json!(64));
    let gate = plan.start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Hang);
    let started = server.asked_at("/jwks")[0];
    eventually("the cool-down to pass", async || (started.elapsed() > Duration::from_millis(1100)).then_some(())).await;
    let stranger = token(&server.issuer(), &new_key());
    let good = token(&server.issuer(), &key);
    let strangers = async {
        for _ in 0..5 {
            futures_util::future::join_all((0..200).map(|_| gate.get("/open", &stranger))).await;
        }
    };
    let callers = async {
        let mut verdicts = Vec::new();
        for _ in 0..50 {
            verdicts.push(gate.get("/open", &good).await.verdict());
        }
        verdicts
    };
    let ((), verdicts) = tokio::join!(strangers, callers);
    let shut_out = verdicts.iter().filter(|verdict| *verdict != "ok").count();
    assert_eq!(shut_out, 0, "of {} good calls", verdicts.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_is_taken_anew_when_it_changes_and_a_bad_one_is_not() {
    let gate = crate::support::Plan::new().start();
    let old = gate.token();
    assert_eq!(gate.get("/open", &old).await.verdict(), "ok");
    let (new, file) = (new_key(), gate.plan.dir.root().join("keys.json"));
    let with_new = alice().sign(&new).expect("signed");
    assert_eq!(gate.get("/open", &with_new).await.verdict(), UNKNOWN);
    replace_file(&file, &json!({ "keys": [new.jwk()] }).to_string());
    eventually("the new key", async || (gate.get("/open", &with_new).await.verdict() == "ok").then_some(())).await;
    assert_eq!(gate.get("/open", &old).await.verdict(), UNKNOWN, "remembered, and its key is gone");
    replace_file(&file, r#"{"keys":[]}"#);
    gate.until_metric("hopgate_config_current", 0.0).await;
    assert_eq!(gate.get("/open", &with_new).await.verdict(), "ok", "the last good ones stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_taken_out_of_the_configuration_opens_nothing_any_more() {
    let gate = crate::support::Plan::new().start();
    let token = gate.token();
    assert_eq!(gate.get("/open", &token).await.verdict(), "ok");
    let mut config: Value = gate.plan.config.clone();
    set(&mut config, "/issuers/0/issuer", json!("https://other.demo.local"));
    replace_file(&gate.plan.file(), &config.to_string());
    eventually("the issuer to be gone", async || {
        (gate.get("/open", &token).await.verdict() == "401 invalid_token issuer_unknown").then_some(())
    })
    .await;
}

/// Who hangs up while hopgate waits for newer keys has asked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_while_keys_are_fetched_is_recorded() {
    let (server, key) = (KeyServer::start().await, new_key());
    server.keys(&[key.jwk()]);
    let mut gate = plan(&server, &json!({ "cooldown": "1s" })).start();
    gate.until_ready().await;
    server.reply("/jwks", Reply::Hang);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let call = Call::get("/open").bearer(&token(&server.issuer(), &new_key())).header("x-request-id", "given-up");
    let mut client = gate.client();
    let given_up = tokio::time::timeout(Duration::from_millis(30), client.check(call.message())).await;
    assert!(given_up.is_err(), "it waits for the keys");
    let record = gate.record_where(|record| record["request_id"] == "given-up");
    assert_eq!(record["reason"], "key_unknown");
}
