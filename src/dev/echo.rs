//! A service that answers with the request it got, so that a demo can show which headers hopgate let through.
//! **NOT FOR PRODUCTION.**

use std::{collections::BTreeMap, io};

use axum::{
    Json, Router,
    body::Bytes,
    http::{HeaderMap, Method, Uri},
};
use serde::Serialize;
use tokio::net::TcpListener;

use super::loopback;

/// What the service answers, to any method and path, with status 200.
#[derive(Debug, Serialize)]
struct Echo {
    method: String,
    /// As it was sent, still percent-encoded.
    path: String,
    query: Option<String>,
    /// Every value of every header, in order: a header that came twice must be seen to have come twice.
    headers: BTreeMap<String, Vec<String>>,
}

/// Serves until `shutdown` completes, HTTP/1.1 only.
///
/// # Errors
/// The listener is not on loopback (`PermissionDenied`), or fails.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    loopback(listener.local_addr()?).map_err(|e| io::Error::new(io::ErrorKind::PermissionDenied, e))?;
    axum::serve(listener, Router::new().fallback(echo)).with_graceful_shutdown(shutdown).await
}

// The body is read, so that the connection can be used again, and thrown away.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, _body: Bytes) -> Json<Echo> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        seen.entry(name.to_string()).or_default().push(value);
    }
    Json(Echo {
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().map(str::to_owned),
        headers: seen,
    })
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn every_header_value_is_shown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, pending()));
        let answer: Value = reqwest::Client::new()
            .post(format!("http://{address}/invoices/%37?x=1"))
            .header("x-hopgate-subject", "alice")
            .header("x-hopgate-subject", "mallory")
            .body("ignored")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!((&answer["method"], &answer["path"]), (&json!("POST"), &json!("/invoices/%37")));
        assert_eq!(answer["query"], "x=1");
        assert_eq!(answer["headers"]["x-hopgate-subject"], json!(["alice", "mallory"]));
        assert_eq!(answer["headers"].get("authorization"), None);
    }

    #[tokio::test]
    async fn only_loopback_is_served() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let refused = serve(listener, pending()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
