//! The planner and the researcher: services that take a call, get a token for the next hop, and call it.
//!
//! Neither checks anything. That a call reaches them means that hopgate allowed it; who it is for they read from the
//! headers hopgate set.

use std::io;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::Fault;

/// An agent, and where it passes its work on.
pub(crate) struct Agent {
    /// Its OAuth client id.
    pub(crate) id: String,
    pub(crate) secret: String,
    /// The issuer's identifier, which is also where it listens.
    pub(crate) issuer: String,
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
    axum::serve(listener, Router::new().fallback(work).with_state(running)).await
}

/// Answers with who this agent was told is calling, and what the next hop answered.
async fn work(State(running): State<Arc<Running>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let token = told("authorization").and_then(|value| value.split_once(' ')).map(|(_, token)| token);
    let next = match token {
        Some(token) => running.ask_next(token).await.map_err(|fault| fault.to_string()),
        None => Err("hopgate did not pass the token on".to_owned()),
    };
    let status = if next.is_ok() { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    let answer = json!({
        "service": running.agent.id,
        "decision_id": told("x-hopgate-decision-id"),
        "subject": told("x-hopgate-subject"),
        "actor_chain": told("x-hopgate-actor-chain"),
        "next": next.unwrap_or_else(Value::String),
    });
    (status, Json(answer))
}

impl Running {
    async fn ask_next(&self, token: &str) -> Result<Value, Fault> {
        let token = self.exchange(token).await?;
        let next = &self.agent.next;
        let answer = self.http.request(next.method.clone(), &next.url).bearer_auth(token).send().await?;
        let status = answer.status();
        let body = answer.text().await?;
        if !status.is_success() {
            return Err(format!("the next hop answered {status}: {body}").into());
        }
        Ok(serde_json::from_str(&body)?)
    }

    /// RFC 8693: the caller's token and this agent's own, for one that names this agent as actor.
    async fn exchange(&self, subject_token: &str) -> Result<String, Fault> {
        const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
        let own = self.ask_issuer(&[("grant_type", "client_credentials")]).await?;
        self.ask_issuer(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", subject_token),
            ("subject_token_type", ACCESS_TOKEN),
            ("actor_token", &own),
            ("actor_token_type", ACCESS_TOKEN),
            ("audience", &self.agent.next.audience),
            ("scope", self.agent.next.scope),
        ])
        .await
    }

    async fn ask_issuer(&self, form: &[(&str, &str)]) -> Result<String, Fault> {
        let request = self.http.post(format!("{}/token", self.agent.issuer));
        let answer = request.basic_auth(&self.agent.id, Some(&self.agent.secret)).form(form).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        let token = body.get("access_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| format!("the issuer answered {status}: {body}").into())
    }
}
