//! HTTP/1.1 byte by byte: what a well-behaved client would never send.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::SOON;

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} came twice: {:?}", self.headers);
        first.map(|(_, value)| value.as_str())
    }

    /// All challenges as one list (RFC 9110 section 5.3); they come one a scheme.
    pub(crate) fn challenge(&self) -> Option<String> {
        let lines: Vec<_> = self.headers.iter().filter(|(known, _)| known == "www-authenticate").collect();
        let values: Vec<_> = lines.iter().map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Response {
    request(address, "GET", path, &[])
}

/// One request on a connection of its own. Header values are bytes; nothing is checked or repaired.
pub(crate) fn request(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &[u8])]) -> Response {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, usual) in [("host", "test"), ("connection", "close")] {
        if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            bytes.extend_from_slice(format!("{name}: {usual}\r\n").as_bytes());
        }
    }
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    stream.write_all(&bytes).expect("sent");
    read(&mut stream)
}

fn read(stream: &mut TcpStream) -> Response {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer and the end of it");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the headers");
    let head = String::from_utf8(bytes[..end].to_vec()).expect("UTF-8");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut body = bytes.split_off(end + 4);
    if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
        body = unchunked(&body);
    }
    Response { status: status.expect("a status"), headers, body }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk size");
        let size = std::str::from_utf8(&rest[..end]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("hex");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
}
