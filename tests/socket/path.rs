//! Method and path: STANDARDS section 9.5, PEERS section 7.

use crate::support::{Call, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_matches_is_refused() {
    let gate = Plan::new().start();
    let token = gate.token();
    let unknown = "403 access_denied route_unknown";
    for (method, path, expected) in [
        ("GET", "/invoices", "ok"),
        ("GET", "/invoices?page=2", "ok"),
        ("GET", "/invoices?", "ok"),
        ("GET", "/invoices?a=/../b//c;d%2F%00", "ok"),
        ("GET", "/invoices/7", "ok"),
        ("GET", "/invoices/%C3%A9", "ok"),
        ("GET", "/invoices/*", "ok"),
        ("GET", "/invoices/%7Bid%7D", "ok"),
        ("GET", "/invoices/", unknown),
        ("GET", "/Invoices", unknown),
        ("GET", "/invoices/7/", unknown),
        ("GET", "/invoices/7/refund", unknown),
        ("GET", "/invoices%3Fpage=2", "400 invalid_request path_ambiguous"),
        ("GET", "/*", unknown),
        ("GET", "/", unknown),
        ("POST", "/invoices", unknown),
        ("HEAD", "/invoices", unknown),
        ("OPTIONS", "/invoices", unknown),
        ("get", "/invoices", unknown),
        ("GET ", "/invoices", unknown),
        ("CONNECT", "/invoices", unknown),
        ("PRI", "/invoices", unknown),
    ] {
        let verdict = gate.ask(&Call::new(method, path).bearer(&token)).await.verdict();
        assert_eq!(verdict, expected, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_a_second_reading_is_refused_before_anything_else() {
    let gate = Plan::new().start();
    let token = gate.token();
    for path in [
        "invoices",
        "*",
        "http://invoices.demo.local/invoices",
        "//invoices",
        "///invoices",
        "/invoices//7",
        "/./invoices",
        "/open/../invoices",
        "/invoices/..",
        "/invoices/.",
        "/invoices/...",
        "/invoices/7.",
        "/open/%2e%2e/invoices",
        "/open/%2E%2E/invoices",
        "/open/.%2e/invoices",
        "/open%2f..%2finvoices",
        "/invoices%2F7",
        "/invoices%5C7",
        "/invoices\\7",
        "/invoices/%00",
        "/invoices/7%00.png",
        "/invoices/%0d%0ax:y",
        "/invoices/%7f",
        "/%69nvoices",
        "/invoices/%41",
        "/invoices/%7E",
        "/invoices/%c3%a9",
        "/invoices/%252e%252e",
        "/invoices/%25",
        "/invoices/%",
        "/invoices/%2",
        "/invoices/%zz",
        "/invoices/%u0041",
        "/invoices/%c0%ae",
        "/invoices/%C0%AE",
        "/invoices/%FF",
        "/invoices;x=1",
        "/invoices/7;/../8",
        "/invoices/ ",
        "/invoices/7%20",
        "/invoices/\u{e9}",
        "/invoices/\u{ff0f}7",
        "/invoices\t",
        "/invoices\r\n",
        "/invoices\0",
        "/invoices#x",
        "/invoices?x#y",
        "/invoices/<script>",
        "/invoices/\"",
        "/invoices/{id}",
    ] {
        let answer = gate.ask(&Call::get(path).bearer(&token)).await;
        assert_eq!(answer.verdict(), "400 invalid_request path_ambiguous", "{path:?}");
        assert_eq!(gate.ask(&Call::get(path)).await.status, 400, "without a token too: {path:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_change_neither_method_nor_path_nor_service() {
    let gate = Plan::new().start();
    for (name, value) in [
        ("x-http-method-override", "GET"),
        ("x-http-method", "GET"),
        ("x-original-url", "/invoices"),
        ("x-rewrite-url", "/invoices"),
        ("x-envoy-original-path", "/invoices"),
        ("x-forwarded-uri", "/invoices"),
        (":path", "/invoices"),
        (":method", "GET"),
    ] {
        let call = Call::new("DELETE", "/invoices").bearer(&gate.token()).header(name, value);
        assert_eq!(gate.ask(&call).await.verdict(), "403 access_denied route_unknown", "{name}");
    }
}
