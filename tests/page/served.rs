//! What the page is made of, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::stage::Stage;
use super::words::column;
use crate::support::SOON;

#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_the_document_is_answered_as_it_says_and_guarded() {
    let stage = Stage::new();
    let text = std::fs::read_to_string("docs/watch.md").unwrap();
    let paths = column(&text, "| path | answer |");
    assert_eq!(paths, ["`/`", "`/page.js`", "`/page.css`", "`/decisions`", "`/status`"]);
    for path in paths {
        let row = text.lines().find(|line| line.starts_with(&format!("| {path} |"))).unwrap();
        let kind = row.split('`').nth(3).unwrap();
        let head = head(&stage, path.trim_matches('`'));
        assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        for wanted in [
            "content-security-policy: default-src 'none';",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
        ] {
            assert!(head.contains(wanted), "{path}: `{wanted}` in {head}");
        }
    }
}

/// No file of the page names an address, or does what the content policy is there to forbid.
#[test]
fn the_page_names_nobody_else_and_makes_no_markup_of_text() {
    for entry in std::fs::read_dir("src/watch/page").unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in
            ["http:", "https:", "eval(", "insertAdjacentHTML", "document.write", "innerHTML =", "style=", "onclick="]
        {
            let namespace = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!namespace.contains(word), "{}: `{word}`", path.display());
        }
    }
}

/// The head of the answer to GET `path`, in lower case.
fn head(stage: &Stage, path: &str) -> String {
    let mut stream = TcpStream::connect(stage.address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}
