//! Who may ask on the watch address, and for what.

use std::io::Read as _;
use std::net::TcpStream;

use serde_json::json;

use super::stage::watched;
use crate::support::gate::command;
use crate::support::{Plan, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_made_its_name_lead_here_is_refused() {
    let (_gate, address) = watched();
    for (host, status) in [
        ("localhost:9903", 200),
        ("127.0.0.1", 200),
        ("[::1]:1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ] {
        let (found, _) = head(address, &format!("GET /decisions HTTP/1.1\r\nhost: {host}\r\n\r\n"));
        assert_eq!(found, status, "{host}");
    }
    // An absolute target names the host before the header does.
    let (found, _) = head(address, "GET http://evil.example/decisions HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(found, 421);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_others_holds_no_place() {
    let (_gate, address) = watched();
    let stream = "/hopgate.decision.v1.DecisionService/WatchDecisions";
    for (request, status) in [
        // As a browser asks for a page of evil.example, without being let to read the answer.
        (format!("POST {stream} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 5"), 415),
        (format!("POST {stream} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5"), 415),
        ("GET /decisions HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example".to_owned(), 403),
        (
            "GET /decisions HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors"
                .to_owned(),
            403,
        ),
        // A link to our page may be followed.
        ("GET / HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: navigate".to_owned(), 200),
    ] {
        assert_eq!(head(address, &format!("{request}\r\n\r\n")).0, status, "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_only_reads_and_tells_browsers_to_keep_it_to_themselves() {
    let (_gate, address) = watched();
    let local = [("host", b"localhost".as_slice())];
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        assert_eq!(http::request(address, method, "/decisions", &local).status, 405, "{method}");
    }
    assert_eq!(http::request(address, "GET", "/nothing", &local).status, 404);
    let (status, headers) = head(address, "GET /decisions HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(status, 200);
    for wanted in [
        "content-type: text/event-stream",
        "content-security-policy: default-src 'none'; script-src 'self';",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-",
    ] {
        assert!(headers.contains(wanted), "{wanted} in {headers}");
    }
    assert!(!headers.contains("access-control-allow"), "{headers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_asked_for_and_apart_from_the_admin_port() {
    let gate = Plan::new().start();
    for path in ["/", "/decisions", "/status"] {
        assert_eq!(gate.admin_get(path).status, 404, "{path}");
    }
}

#[test]
fn it_can_not_be_reached_from_elsewhere() {
    for (address, said) in [
        ("0.0.0.0:9903", "expected a Unix socket or a loopback address"),
        ("[::]:9903", "expected a Unix socket or a loopback address"),
        ("10.0.0.1:9903", "expected a Unix socket or a loopback address"),
        ("localhost:9903", "expected `unix:/path/to.sock` or an address such as `127.0.0.1:9903`"),
        ("unix:relative", "expected an absolute path"),
    ] {
        let plan = Plan::new().set("/watch", json!(address));
        plan.write();
        let output = command().arg("check").arg(plan.file()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{address}: {text}");
        assert!(text.contains("watch: ") && text.contains(said), "{address}: {text}");
    }
}

/// The status and the head of the answer to `request`, whose body may have no end.
fn head(address: std::net::SocketAddr, request: &str) -> (u16, String) {
    use std::io::Write as _;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::support::SOON)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{head}"));
    (status, head)
}
