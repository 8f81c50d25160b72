//! The webhook as a server: its certificate, its probes, its end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use testbed::Signal;

use super::pods::{labelled, review_of};
use super::webhook::{Webhook, client, leaf, mount_secret};
use crate::support::{SOON, eventually};
use hopgate::dev::certs::MeshCa;

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_on_the_port_of_the_webhook() {
    let webhook = Webhook::start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(webhook.get(path).await, Some((200, "ok\n".to_owned())), "{path}");
    }
    for (path, status) in [("/", 404), ("/metrics", 404), ("/mutate", 405), ("/mutate/x", 404)] {
        assert_eq!(webhook.get(path).await.map(|(status, _)| status), Some(status), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_replaced_is_taken_without_a_restart() {
    let webhook = Webhook::start().await;
    let kept = webhook.client();
    assert_eq!(kept.get(webhook.url("/livez")).send().await.expect("an answer").status(), 200);

    let other = MeshCa::generate("demo.local").expect("a CA");
    mount_secret(webhook.dir.path(), "second", &leaf(&other));
    eventually("the new certificate", async || client(&other).get(webhook.url("/livez")).send().await.ok()).await;
    assert!(webhook.client().get(webhook.url("/livez")).send().await.is_err(), "the old CA is trusted no more");
    // A connection of before goes on.
    assert_eq!(kept.get(webhook.url("/livez")).send().await.expect("an answer").status(), 200);
    let reviewed = client(&other).post(webhook.url("/mutate")).body(review_of(&labelled()).to_string()).send().await;
    assert_eq!(reviewed.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_bad_leaves_the_last_good_one() {
    let webhook = Webhook::start().await;
    // Half of a new pair: the key of another certificate.
    let (old, new) = (leaf(&webhook.ca), leaf(&webhook.ca));
    let mixed = hopgate::dev::certs::Leaf { key_pem: new.key_pem.clone(), ..old };
    mount_secret(webhook.dir.path(), "mixed", &mixed);
    let said = async || {
        webhook.get("/livez").await.expect("an answer");
        webhook.log().into_iter().find(|line| line["level"] == "ERROR")
    };
    let line = eventually("the complaint", said).await;
    assert!(line["error"].as_str().unwrap().contains("can't be used"), "{line}");
    assert!(webhook.review(&labelled()).await.patch().is_some());
    std::fs::write(webhook.dir.path().join("tls/..mixed/tls.crt"), "no certificate").unwrap();
    std::fs::remove_file(webhook.dir.path().join("tls/..mixed/tls.key")).unwrap();
    assert!(webhook.review(&labelled()).await.patch().is_some());

    mount_secret(webhook.dir.path(), "third", &new);
    let taken = async || {
        webhook.get("/livez").await.expect("an answer");
        webhook.log().into_iter().find(|line| line["message"] == "the certificate has changed")
    };
    eventually("the whole pair", taken).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_in_progress_is_answered_before_the_end() {
    let mut webhook = Webhook::start().await;
    let body = review_of(&labelled()).to_string();
    let (first, rest) = body.split_at(100);
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<String, std::io::Error>>(2);
    sender.send(Ok(first.to_owned())).await.unwrap();
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|part| (part, receiver))
    });
    let request = webhook.client().post(webhook.url("/mutate")).body(reqwest::Body::wrap_stream(stream)).send();
    let request = tokio::spawn(request);
    // The request has begun once its first part has left the channel.
    eventually("the first part to be sent", async || (sender.capacity() == 2).then_some(())).await;
    webhook.service.signal(Signal::TERM);
    let draining = async || webhook.log().into_iter().find(|line| line["message"] == "draining");
    eventually("the drain", draining).await;
    sender.send(Ok(rest.to_owned())).await.unwrap();
    drop(sender);
    let answered: serde_json::Value = request.await.unwrap().expect("an answer").json().await.expect("JSON");
    assert_eq!(answered["response"]["allowed"], true);
    assert!(webhook.service.stop().expect("ended").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_no_tls_or_nothing_at_all_keeps_nobody_else_out() {
    let webhook = Webhook::start().await;
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(webhook.address).expect("a connection")).collect();
    let mut plain = TcpStream::connect(webhook.address).expect("a connection");
    plain.set_read_timeout(Some(SOON)).unwrap();
    plain.write_all(b"POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    // A TLS alert, or the end of the connection.
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(webhook.review(&labelled()).await.patch().is_some());
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_wrote_is_one_line_of_the_log() {
    let webhook = Webhook::start().await;
    let mut pod = labelled();
    pod["metadata"]["generateName"] = json!("a\n{\"outcome\":\"injected\"}\u{7}".to_owned() + &"x".repeat(10_000));
    webhook.review(&pod).await;
    let line = webhook.log().into_iter().find(|line| line["message"] == "reviewed").expect("a line");
    assert!(line["pod"].as_str().unwrap().len() <= 256, "{line}");
}
