use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::stage::{Stage, gateway};
use crate::support::{SOON, eventually};

/// A client hello's first bytes: TLS, and then nothing more.
const BEGUN: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01];

/// A client hello of TLS 1.2 that names an address and nothing that could be agreed on.
const HELLO_TO_AN_ADDRESS: &[u8] = b"\x16\x03\x01\x00\x41\x01\x00\x00\x3d\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
    \x00\x00\x00\x00\x00\x02\xc0\x2b\x01\x00\x00\x12\x00\x00\x00\x0e\x00\x0c\x00\x00\
    \x09\x31\x32\x37\x2e\x30\x2e\x30\x2e\x31";

#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_connections_that_never_finish_their_handshake_keep_nobody_out() {
    let stage = Stage::start();
    let held: Vec<_> = (0..300)
        .map(|n| {
            let mut stream = TcpStream::connect(stage.address).expect("a connection");
            if n % 2 == 0 {
                stream.write_all(BEGUN).expect("sent");
            }
            stream
        })
        .collect();
    for _ in 0..3 {
        let channel = stage.channel(Some(&stage.listed()));
        assert_eq!(stage.verdict(&channel).await, "ok");
    }
    eventually("the oldest to make room", async || (stage.refused("crowded_out") >= 44.0).then_some(())).await;
    // And all of them are ended.
    for mut stream in held {
        stream.set_read_timeout(Some(SOON)).expect("a time");
        assert!(!matches!(stream.read(&mut [0; 64]), Ok(1..)), "nothing is said to them");
    }
    let ended = async || (stage.refused("crowded_out") + stage.refused("timeout") > 299.5).then_some(());
    eventually("every one to be counted", ended).await;
    let lines = stage.gate.log().matches("a client was refused").count();
    assert!(lines < 40, "a crowd is told of in few lines: {lines}");
    assert_eq!(stage.verdict(&stage.channel(Some(&stage.listed()))).await, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_comes_in_drops_is_ended() {
    let stage = Stage::start();
    let mut stream = TcpStream::connect(stage.address).expect("a connection");
    let dripping = std::thread::spawn(move || {
        let mut sent = 0;
        for byte in BEGUN.iter().chain(std::iter::repeat_n(&0, 200)) {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            sent += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        sent
    });
    stage.until_refused_more("timeout", 0.0, "drops").await;
    let sent = dripping.join().expect("no panic");
    assert!(sent < 100, "{sent} drops were taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_without_end_is_refused() {
    let stage = Stage::start();
    let mut identity = stage.authority.issue(&[&gateway()]);
    let one = identity.chain[0].clone();
    for more in [20, 200, 2000] {
        identity.chain = vec![one.clone(); more];
        let channel = stage.channel(Some(&identity));
        // A chain that is only long may pass: its first certificate is good.
        let answered = stage.ask(&channel).await.is_ok();
        assert!(!answered || more == 20, "{more} certificates");
    }
    assert!(stage.refused("protocol") > 0.5);
    assert_eq!(stage.verdict(&stage.channel(Some(&stage.listed()))).await, "ok");
}

/// A name that is none, which TLS libraries like to warn of, once for each hello.
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_say_does_not_fill_the_log() {
    let stage = Stage::start();
    let before = stage.gate.log().lines().count();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(stage.address).expect("a connection");
        stream.write_all(HELLO_TO_AN_ADDRESS).expect("sent");
        stream.set_read_timeout(Some(SOON)).expect("a time");
        // An alert, or an end.
        let _ = stream.read(&mut [0; 64]);
    }
    eventually("all to be counted", async || (stage.refused("protocol") > 49.5).then_some(())).await;
    let lines = stage.gate.log().lines().count() - before;
    assert!(lines < 15, "{lines} lines:\n{}", stage.gate.log());
}
