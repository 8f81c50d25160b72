use serde_json::json;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::stage::{SERVER, Stage, connect, gateway};
use crate::support::authority::{Authority, valid};
use crate::support::{SOON, eventually, spiffe};

const CURRENT: &str = "hopgate_tls_current";
const NOT_AFTER: &str = "hopgate_tls_certificate_not_after_timestamp_seconds";

/// The certificate that a new connection is shown.
async fn shown(stage: &Stage) -> Vec<u8> {
    let config = stage.authority.client(Some(&stage.listed()));
    let stream = connect(stage.address, config).await.expect("a connection");
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_certificate_is_used_from_the_next_connection_on_and_no_call_is_lost() {
    let stage = Stage::start();
    assert_eq!(shown(&stage).await, stage.server.chain[0].to_vec());
    let open = stage.channel(Some(&stage.listed()));
    let (first, until) = (stage.gate.metric(NOT_AFTER), stage.gate.metric(CURRENT));
    assert!((until - 1.0).abs() < 0.5 && first > 1e9);
    let next = stage.authority.issue_with(&[SERVER], |params| valid(params, -60, 7200));
    stage.mount(&next.pem, &next.key_pem, &stage.authority.pem());
    eventually("the new certificate", async || {
        assert_eq!(stage.verdict(&open).await, "ok", "an open connection goes on");
        (shown(&stage).await == next.chain[0].to_vec()).then_some(())
    })
    .await;
    assert_eq!(stage.verdict(&open).await, "ok");
    assert!(stage.gate.metric(NOT_AFTER) > first + 3000.0);
    assert!((stage.gate.metric(CURRENT) - 1.0).abs() < 0.5);
    assert!(stage.gate.log().contains("other certificates are in use"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_added_is_believed_and_one_that_is_removed_takes_its_clients_with_it() {
    let stage = Stage::start();
    let (old, other) = (stage.listed(), Authority::new("the next mesh"));
    let new = other.issue(&[&gateway()]);
    let (of_old, of_new) = (stage.channel(Some(&old)), stage.channel(Some(&new)));
    assert_eq!(stage.verdict(&of_old).await, "ok");
    stage.ask(&of_new).await.expect_err("not believed yet");

    let server = &stage.server;
    stage.mount(&server.pem, &server.key_pem, &format!("{}{}", stage.authority.pem(), other.pem()));
    eventually("both to be served", async || {
        assert_eq!(stage.verdict(&of_old).await, "ok", "nothing is lost on the way");
        stage.ask(&of_new).await.ok()
    })
    .await;

    let before = stage.refused("certificate_untrusted");
    stage.mount(&server.pem, &server.key_pem, &other.pem());
    eventually("the old one to be refused", async || {
        assert_eq!(stage.verdict(&of_new).await, "ok", "nothing is lost on the way");
        stage.ask(&of_old).await.err()
    })
    .await;
    stage.until_refused_more("certificate_untrusted", before, "its connection, and its next").await;
    assert_eq!(stage.verdict(&of_new).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_taken_from_the_list_is_sent_away_and_one_that_is_put_on_it_is_served() {
    let mut stage = Stage::start();
    let other = spiffe("sidecar");
    let (listed, unlisted) = (stage.listed(), stage.authority.issue(&[&other]));
    let (of_listed, of_unlisted) = (stage.channel(Some(&listed)), stage.channel(Some(&unlisted)));
    assert_eq!(stage.verdict(&of_listed).await, "ok");
    stage.ask(&of_unlisted).await.expect_err("not listed yet");

    crate::support::plan::set(&mut stage.gate.plan.config, "/tls/clients", json!([other]));
    stage.gate.plan.write();
    eventually("the other to be served", async || stage.ask(&of_unlisted).await.ok()).await;
    eventually("the first to be refused", async || stage.ask(&of_listed).await.err()).await;
    assert_eq!(stage.verdict(&of_unlisted).await, "ok");
    assert!(!stage.gate.log().contains("take effect at the next start"), "the list is followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_with_the_certificate_that_opened_it() {
    let stage = Stage::start();
    let brief = stage.authority.issue_with(&[&gateway()], |params| valid(params, -60, 3));
    let mut stream = connect(stage.address, stage.authority.client(Some(&brief))).await.expect("a connection");
    let channel = stage.channel(Some(&brief));
    assert_eq!(stage.verdict(&channel).await, "ok");
    let mut rest = Vec::new();
    // The settings of HTTP/2 come first, and how it ends is all the same; that it does counts.
    let _ = timeout(SOON, stream.read_to_end(&mut rest)).await.expect("an end");
    eventually("an expired client to be refused", async || stage.ask(&channel).await.err()).await;
    stage.until_refused_more("certificate_expired", 0.0, "its next connection").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_good_leave_the_last_good_ones_in_use_and_say_so() {
    let stage = Stage::start();
    let (server, ca) = (&stage.server, stage.authority.pem());
    let other = stage.authority.issue(&[SERVER]);
    let old = stage.authority.issue_with(&[SERVER], |params| valid(params, -7200, -60));
    let half = &other.pem[..other.pem.len() / 2];
    let open = stage.channel(Some(&stage.listed()));
    for (certificate, key, client_ca, said) in [
        (&*other.pem, &*server.key_pem, &*ca, "tls.key_file: is not the key of the first certificate"),
        (half, &other.key_pem, &ca, "tls.certificate_file: "),
        (&other.pem, "", &ca, "tls.key_file: holds no PEM private key"),
        ("", &other.key_pem, &ca, "tls.certificate_file: holds no PEM certificate"),
        (&other.pem, &other.key_pem, "", "tls.client_ca_file: holds no PEM certificate"),
        (&other.pem, &other.key_pem, &other.pem, "tls.client_ca_file: holds a certificate that is no authority's"),
        (&old.pem, &old.key_pem, &ca, "tls.certificate_file: has expired"),
    ] {
        stage.mount(certificate, key, client_ca);
        stage.gate.until_metric(CURRENT, 0.0).await;
        eventually(said, async || stage.gate.log().contains(said).then_some(())).await;
        assert_eq!(stage.verdict(&open).await, "ok");
        assert_eq!(shown(&stage).await, server.chain[0].to_vec(), "{said}");
        assert!(!stage.gate.log().contains("PRIVATE KEY"), "a key is never shown");
        stage.mount(&server.pem, &server.key_pem, &ca);
        stage.gate.until_metric(CURRENT, 1.0).await;
    }
    std::fs::remove_file(stage.file("secret/..data")).expect("removed");
    stage.gate.until_metric(CURRENT, 0.0).await;
    assert_eq!(stage.verdict(&stage.channel(Some(&stage.listed()))).await, "ok", "also for new connections");
    stage.mount(&other.pem, &other.key_pem, &ca);
    stage.gate.until_metric(CURRENT, 1.0).await;
    assert_eq!(shown(&stage).await, other.chain[0].to_vec());
}

/// Whoever must be taken from the list must not have to wait for a good certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_list_is_taken_while_the_files_are_not_good() {
    let mut stage = Stage::start();
    let channel = stage.channel(Some(&stage.listed()));
    assert_eq!(stage.verdict(&channel).await, "ok");
    stage.mount("", "", "");
    stage.gate.until_metric(CURRENT, 0.0).await;
    crate::support::plan::set(&mut stage.gate.plan.config, "/tls/clients", json!([spiffe("sidecar")]));
    stage.gate.plan.write();
    eventually("the client to be refused", async || stage.ask(&channel).await.err()).await;
    assert!((stage.gate.metric("hopgate_config_current") - 1.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_taken_when_its_key_has_come_too() {
    let stage = Stage::start();
    let next = stage.authority.issue(&[SERVER]);
    // Without a link that moves, one file comes before the other.
    let folder = stage.file("secret");
    for (name, text) in [("tls.crt", &next.pem), ("tls.key", &next.key_pem)] {
        std::fs::remove_file(folder.join(name)).expect("removed");
        std::fs::write(folder.join(name), text).expect("written");
        if name == "tls.crt" {
            stage.gate.until_metric(CURRENT, 0.0).await;
            assert_eq!(shown(&stage).await, stage.server.chain[0].to_vec());
        }
    }
    eventually("the new certificate", async || (shown(&stage).await == next.chain[0].to_vec()).then_some(())).await;
    stage.gate.until_metric(CURRENT, 1.0).await;
}
