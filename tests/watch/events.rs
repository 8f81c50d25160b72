//! The stream of events that the page reads.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::stage::{decide, watched};
use crate::support::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_line_as_written_under_its_number() {
    let (mut gate, address) = watched();
    decide(&mut gate).await;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /decisions HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    for seq in 1..=2 {
        if seq == 2 {
            decide(&mut gate).await;
        }
        let written = gate.service.lines().pop().unwrap();
        assert_eq!(lines.find(|line| line.starts_with("event:")).as_deref(), Some("event: decision"));
        let mut rest = [lines.next().unwrap(), lines.next().unwrap()];
        rest.sort();
        assert_eq!(rest, [format!("data: {written}"), format!("id: {seq}")]);
    }
}
