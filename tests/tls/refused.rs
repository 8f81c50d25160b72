use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::{SERVER, Stage, connect, gateway};
use crate::support::SOON;
use crate::support::authority::{Authority, Identity, valid};

/// Each with the reason that counts it.
fn identities(stage: &Stage) -> Vec<(&'static str, Option<Identity>, &'static str)> {
    let (authority, id) = (&stage.authority, gateway());
    let id = id.as_str();
    let own = |uris: &[&str]| Some(authority.issue(uris));
    let longer = format!("{id}/more");
    let shorter = id.trim_end_matches('y').to_owned();
    let loud = id.replace("gateway", "Gateway");
    let slash = format!("{id}/");
    let domain = id.replace("demo.local", "DEMO.local");
    let escaped = id.replace("gateway", "g%61teway");
    let made = |change: &dyn Fn(&mut rcgen::CertificateParams)| Some(authority.issue_with(&[id], |p| change(p)));
    vec![
        ("nothing", None, "certificate_missing"),
        ("another authority", Some(Authority::new("the mesh").issue(&[id])), "certificate_untrusted"),
        ("itself", Some(Authority::nobody(&[id])), "certificate_untrusted"),
        ("the past", made(&|params| valid(params, -7200, -60)), "certificate_expired"),
        ("the future", made(&|params| valid(params, 600, 1200)), "certificate_expired"),
        ("another workload", own(&["spiffe://demo.local/ns/agents/sa/planner"]), "client_unlisted"),
        ("the server itself", own(&[SERVER]), "client_unlisted"),
        ("a longer id", own(&[&longer]), "client_unlisted"),
        ("a shorter id", own(&[&shorter]), "client_unlisted"),
        ("another letter case", own(&[&loud]), "client_unlisted"),
        ("a slash at the end", own(&[&slash]), "spiffe_id_invalid"),
        ("another spelling of the domain", own(&[&domain]), "spiffe_id_invalid"),
        ("an escape", own(&[&escaped]), "spiffe_id_invalid"),
        ("two URIs", own(&[id, "spiffe://demo.local/ns/agents/sa/planner"]), "spiffe_id_invalid"),
        ("two URIs, the other first", own(&["https://demo.local", id]), "spiffe_id_invalid"),
        ("the id twice", own(&[id, id]), "spiffe_id_invalid"),
        ("no URI", own(&[]), "spiffe_id_invalid"),
        ("no names at all", made(&|params| params.subject_alt_names.clear()), "spiffe_id_invalid"),
        ("a URI that is no SPIFFE id", own(&["https://demo.local/gateway"]), "spiffe_id_invalid"),
        (
            "one that may sign",
            made(&|params| params.key_usages.push(KeyUsagePurpose::KeyCertSign)),
            "spiffe_id_invalid",
        ),
        (
            "an authority's",
            made(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
            "certificate_invalid",
        ),
        (
            "a server's only",
            made(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            "certificate_invalid",
        ),
        ("issued by a client", Some(authority.issue(&[id]).issue(&[id])), "certificate_invalid"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_listed_gets_no_answer_and_the_reason_is_counted() {
    let stage = Stage::start();
    for (who, shows, reason) in identities(&stage) {
        let before = stage.refused(reason);
        let channel = stage.channel(shows.as_ref());
        stage.ask(&channel).await.map(|answer| answer.verdict()).expect_err(who);
        stage.until_refused_more(reason, before, who).await;
    }
    assert!(stage.decisions().abs() < 0.5, "nothing was decided for them");
    let listed = stage.channel(Some(&stage.listed()));
    assert_eq!(stage.verdict(&listed).await, "ok", "and the listed client is served all the same");
    let log = stage.gate.log();
    assert!(log.contains("`spiffe://demo.local/ns/agents/sa/planner` is none of `tls.clients`"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_tls_are_refused() {
    let stage = Stage::start();
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".as_slice(),
        b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        &[0xff; 4096],
    ] {
        let before = stage.refused("not_tls");
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        // It may be reset as well.
        let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end");
        assert!(answer.len() < 16 && answer.first().is_none_or(|kind| *kind == 21), "at most an alert: {answer:?}");
        stage.until_refused_more("not_tls", before, "plain bytes").await;
    }
    assert_eq!(stage.verdict(&stage.channel(Some(&stage.listed()))).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_offer_http_2_is_refused() {
    let stage = Stage::start();
    for offers in [vec![], vec![b"http/1.1".to_vec()]] {
        let before = stage.refused("no_http2");
        let mut config = stage.authority.client(Some(&stage.listed()));
        config.alpn_protocols = offers;
        if let Ok(mut stream) = connect(stage.address, config).await {
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
            let mut answer = Vec::new();
            let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end");
            assert!(answer.is_empty(), "{answer:?}");
        }
        stage.until_refused_more("no_http2", before, "no h2").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_know_our_authority_is_told_of() {
    let stage = Stage::start();
    let config = Authority::new("another").client(Some(&stage.listed()));
    connect(stage.address, config).await.expect_err("it refuses us");
    stage.until_refused("client_alert", 1.0).await;
}
