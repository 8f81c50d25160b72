//! The process with fields hashed and dropped: neither a record, nor what follows it, nor the operational log at its most
//! talkative, nor a metric holds one of them plainly, on its error paths neither.

use std::cell::RefCell;

use hopgate::audit::{Followed, HashKey};
use hopgate::dev::mint::TokenBuilder;
use hopgate::watch::follow;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use prost::Message as _;
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::redaction::talkative;
use crate::support::plan::{replace_file, set};
use crate::support::tokens::of;
use crate::support::{AUDIENCE, Call, Gate, ISSUER, Plan, eventually, raw};

const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn plan() -> Plan {
    let plan = Plan::new();
    std::fs::write(plan.dir.root().join("hash.key"), KEY).unwrap();
    plan.set("/audit/hash_key_file", json!("hash.key"))
}

fn hash(value: &str) -> String {
    HashKey::new(&KEY).unwrap().hash(value)
}

/// A call that says `mark` in every field that is hidden.
fn call(gate: &Gate, mark: &str, credential: &str) -> Call {
    let token = TokenBuilder::new(ISSUER, &format!("{mark}@example.com"), AUDIENCE)
        .client_id(&format!("client-{mark}"))
        .scope("invoices:read")
        .claim("jti", json!(format!("jti-{mark}")))
        .claim("acr", json!(format!("acr-{mark}")));
    let token = match credential {
        "expired" => token.claim("exp", json!(1_000_000_000)),
        _ => token,
    };
    let token = gate.mint(&token);
    let call = Call::get(&format!("/invoices/{mark}")).peer(&format!("spiffe://demo.local/{mark}"));
    let call = call.header("x-request-id", format!("request-{mark}"));
    match credential {
        "none" => call,
        "forged" => call.bearer(&format!("{}AAAA", token.trim_end_matches(|c| c != '.'))),
        "twice" => call.bearer(&token).bearer(&token),
        _ => call.bearer(&token),
    }
}

#[test]
fn nothing_that_is_hidden_comes_out_of_the_process() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plan = plan()
        .set("/audit/hash", json!(["subject", "jti", "path", "acr"]))
        .set("/audit/drop", json!(["client_id", "request_id", "peer"]))
        .set("/limits/message_bytes", json!(20_000));
    let watch = format!("unix:{}", plan.dir.path("watch").display());
    let gate = RefCell::new(runtime.block_on(async { talkative(plan.set("/watch", json!(watch))) }));
    let marks = RefCell::new(Vec::new());
    let credential = select(vec!["good", "good", "expired", "forged", "twice", "none"]);
    let broken = select(vec!["", "", "", "cut", "begun twice", "too large", "groups"]);
    let config = ProptestConfig { cases: 100, max_shrink_iters: 20, failure_persistence: None, ..Default::default() };
    proptest!(config, |(mark in "m[a-z0-9]{15}", credential in credential, broken in broken, at in any::<Index>())| {
        let mut gate = gate.borrow_mut();
        let mut bytes = call(&gate, &mark, credential).message().encode_to_vec();
        match broken {
            "cut" => bytes.truncate(at.index(bytes.len())),
            "begun twice" => bytes = [&bytes[..at.index(bytes.len())], &bytes].concat(),
            "too large" => bytes = bytes.repeat(20_000 / bytes.len() + 1),
            "groups" => bytes = [vec![0x0b; 1000], bytes].concat(),
            _ => {}
        }
        let answer = runtime.block_on(async { raw::ask(gate.channel(), bytes).await });
        prop_assert!(!answer.metadata.to_string().contains(&mark), "{}", answer.metadata);
        let record = gate.record(&answer);
        prop_assert!(!record.to_string().contains(&mark), "{record}");
        if broken.is_empty() {
            let who = if record["token_verified"] == true { &record } else { &record["claimed"] };
            if who["issuer"].is_string() {
                prop_assert_eq!(&who["subject"], &json!(hash(&format!("{mark}@example.com"))));
                prop_assert_eq!(&who["jti"], &json!(hash(&format!("jti-{mark}"))));
                prop_assert!(who["client_id"].is_null());
            }
            prop_assert_eq!(&record["path"], &json!(hash(&format!("/invoices/{mark}"))));
        }
        marks.borrow_mut().push(mark);
    });
    let (gate, marks) = (gate.into_inner(), marks.into_inner());
    let followed: Vec<_> = runtime.block_on(async {
        let stream = follow(&watch.parse().unwrap()).await.unwrap();
        stream.take(marks.len()).map(|followed| followed.unwrap()).collect().await
    });
    let (log, metrics) = (gate.log(), gate.metrics());
    assert!(log.contains("TRACE"), "the log was to be at its most talkative");
    for mark in &marks {
        assert!(!log.contains(mark) && !metrics.contains(mark), "{mark}");
        let told = |followed: &Followed| matches!(followed, Followed::Line(line) if String::from_utf8_lossy(line).contains(mark));
        assert!(!followed.iter().any(told), "{mark}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_is_hidden_holds_for_the_decisions_after_it() {
    let mut gate = plan().set("/audit/drop", json!(["peer"])).start();
    let call = Call::get("/open").bearer(&gate.mint(&of("alice"))).peer("spiffe://demo.local/x");
    let answer = gate.ask(&call).await;
    let record = gate.record(&answer);
    assert_eq!((&record["subject"], &record["peer"]), (&json!("alice"), &json!(null)));
    let mut config = gate.plan.config.clone();
    set(&mut config, "/audit", json!({ "hash": ["subject"], "hash_key_file": "hash.key" }));
    replace_file(&gate.plan.file(), &format!("{config:#}"));
    gate.until_metric("hopgate_config_reloads_total{result=\"success\"}", 2.0).await;
    let answer = gate.ask(&call).await;
    let record = gate.record(&answer);
    assert_eq!((&record["subject"], &record["peer"]), (&json!(hash("alice")), &json!("spiffe://demo.local/x")));

    // Another key: nobody has the hash they had.
    let other = [1; 32];
    std::fs::write(gate.plan.dir.root().join("hash.key.new"), other).unwrap();
    std::fs::rename(gate.plan.dir.root().join("hash.key.new"), gate.plan.dir.root().join("hash.key")).unwrap();
    gate.until_metric("hopgate_config_reloads_total{result=\"success\"}", 3.0).await;
    let answer = gate.ask(&call).await;
    assert_eq!(gate.record(&answer)["subject"], HashKey::new(&other).unwrap().hash("alice"));

    // One that is too short is no configuration: the last good one stays, and with it the hash.
    std::fs::write(gate.plan.dir.root().join("hash.key"), [1; 31]).unwrap();
    gate.until_metric("hopgate_config_current", 0.0).await;
    eventually("the fault", async || gate.log().contains("expected at least 32 bytes").then_some(())).await;
    let answer = gate.ask(&call).await;
    assert_eq!(gate.record(&answer)["subject"], HashKey::new(&other).unwrap().hash("alice"));
}
