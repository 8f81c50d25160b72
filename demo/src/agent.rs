//! The planner and the researcher: services that take a call, get a token for the next hop, and call it.
//!
//! Neither checks anything. That a call reaches them means that hopgate allowed it; who it is for they read from the
//! headers hopgate set.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Fault;
use crate::tokens::{AtIssuer, Wanted};

/// An agent, and where it passes its work on.
pub(crate) struct Agent {
    pub(crate) at_issuer: AtIssuer,
    pub(crate) next: NextHop,
}

pub(crate) struct NextHop {
    pub(crate) method: http::Method,
    /// At this agent's own Envoy, which does the mTLS.
    pub(crate) url: String,
    pub(crate) audience: String,
    /// Only what the next hop needs.
    pub(crate) scope: &'static str,
}

struct Running {
    agent: Agent,
    http: Client,
}

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, agent: Agent) -> io::Result<()> {
    let running = Arc::new(Running { agent, http: Client::new() });
    let routes = Router::new().route("/.well-known/agent-card.json", get(card)).fallback(work);
    axum::serve(listener, routes.with_state(running)).await
}

/// What an A2A client reads first, and everybody may.
async fn card(State(running): State<Arc<Running>>, headers: HeaderMap) -> Json<Value> {
    let id = running.agent.at_issuer.id();
    Json(json!({ "name": id, "decision_id": told(&headers, "x-hopgate-decision-id") }))
}

/// Answers with who this agent was told is calling, and what the next hop answered.
async fn work(State(running): State<Arc<Running>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let told = |name| told(&headers, name);
    let token = told("authorization").and_then(|value| value.split_once(' ')).map(|(_, token)| token);
    let next = match token {
        Some(token) => running.ask_next(token).await.map_err(|fault| fault.to_string()),
        None => Err("hopgate did not pass the token on".to_owned()),
    };
    let status = if next.is_ok() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    let answer = json!({
        "service": running.agent.at_issuer.id(),
        "decision_id": told("x-hopgate-decision-id"),
        "subject": told("x-hopgate-subject"),
        "actor_chain": told("x-hopgate-actor-chain"),
        "next": next.unwrap_or_else(Value::String),
    });
    (status, Json(answer))
}

fn told<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl Running {
    async fn ask_next(&self, token: &str) -> Result<Value, Fault> {
        let next = &self.agent.next;
        let wanted = Wanted { audience: &next.audience, scope: next.scope, key: None };
        let token = self.agent.at_issuer.exchange(token, wanted).await?;
        let answer = self.http.request(next.method.clone(), &next.url).bearer_auth(token).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        if !status.is_success() {
            return Err(format!("the next hop answered {status}: {body}").into());
        }
        Ok(serde_json::from_str(&body)?)
    }
}
