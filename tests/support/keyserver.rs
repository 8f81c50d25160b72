//! An authorization server's HTTP side, that answers as it is told and counts how often it was asked.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// 200, `application/json`.
    Json(String),
    Status(u16, String),
    Redirect(String),
    /// Takes the request and never answers.
    Hang,
    /// 200 and so many bytes of JSON that does not end.
    Flood(usize),
    /// Closes the connection unanswered: an outage.
    Close,
}

#[derive(Debug, Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    asked: Mutex<Vec<(Instant, String)>>,
    sent: Mutex<usize>,
}

#[derive(Debug)]
pub(crate) struct KeyServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KeyServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::<State>::default();
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task }
    }

    /// The issuer identifier of this server.
    pub(crate) fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn reply(&self, path: &str, reply: Reply) {
        self.state.replies.lock().expect("unpoisoned").insert(path.to_owned(), reply);
    }

    /// `/jwks` holds these keys from now on.
    pub(crate) fn keys(&self, jwks: &[&Value]) {
        self.reply("/jwks", Reply::Json(json!({ "keys": jwks }).to_string()));
    }

    /// How often `path` was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.state.asked.lock().expect("unpoisoned").iter().filter(|(_, asked)| asked == path).count()
    }

    pub(crate) fn asked_at(&self, path: &str) -> Vec<Instant> {
        let asked = self.state.asked.lock().expect("unpoisoned");
        asked.iter().filter(|(_, asked)| asked == path).map(|(at, _)| *at).collect()
    }

    /// Bytes of floods that somebody took.
    pub(crate) fn sent(&self) -> usize {
        *self.state.sent.lock().expect("unpoisoned")
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut part = [0; 4096];
        match stream.read(&mut part).await {
            Ok(read) if read > 0 => request.extend_from_slice(&part[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
    state.asked.lock().expect("unpoisoned").push((Instant::now(), path.clone()));
    let reply = state.replies.lock().expect("unpoisoned").get(&path).cloned();
    let reply = reply.unwrap_or(Reply::Status(404, "nothing here".to_owned()));
    // A client that went away is no fault of the test.
    let _ = answer(&mut stream, reply, &state).await;
}

async fn answer(stream: &mut TcpStream, reply: Reply, state: &State) -> std::io::Result<()> {
    let whole = |status: u16, header: &str, body: &str| {
        format!("HTTP/1.1 {status} x\r\n{header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let text = match reply {
        Reply::Json(body) => whole(200, "content-type: application/json", &body),
        Reply::Status(status, body) => whole(status, "content-type: text/html", &body),
        Reply::Redirect(to) => whole(302, &format!("location: {to}"), ""),
        Reply::Close => return Ok(()),
        Reply::Hang => return std::future::pending().await,
        Reply::Flood(bytes) => {
            stream.write_all(b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n\r\n{\"keys\":[").await?;
            let part = vec![b' '; 64 * 1024];
            for _ in 0..bytes / part.len() {
                stream.write_all(&part).await?;
                *state.sent.lock().expect("unpoisoned") += part.len();
            }
            return Ok(());
        }
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
