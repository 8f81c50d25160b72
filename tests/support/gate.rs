//! A running hopgate.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use hopgate::dev::mint::TokenBuilder;
use serde_json::Value;
use testbed::{Service, ports};
use tonic::transport::{Channel, Endpoint};

use super::{Answer, Call, Plan, SOON, eventually, http, tokens};

pub(crate) struct Gate {
    pub(crate) service: Service,
    pub(crate) plan: Plan,
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_hopgate"))
}

impl Gate {
    pub(crate) fn start(plan: Plan) -> Self {
        plan.write();
        Self::start_as_written(plan, command())
    }

    /// Starts `program serve --config …`, waits for the socket, or where there is none for the admin port.
    pub(crate) fn start_as_written(plan: Plan, mut program: Command) -> Self {
        program.args(["serve", "--config"]).arg(plan.file());
        let mut service = Service::start("hopgate", program).expect("a process");
        let unix = plan.config["listen"].as_str().is_some_and(|listen| listen.starts_with("unix:"));
        let waited =
            if unix { ports::wait_for_unix(&plan.socket(), SOON) } else { ports::wait_for_tcp(plan.admin, SOON) };
        if let Err(error) = waited {
            service.check_running().expect("still running");
            panic!("{error}\n{}", service.stderr().unwrap_or_default());
        }
        if !unix {
            // The admin port is bound first and answers last.
            assert_eq!(http::get(plan.admin, "/livez").status, 200);
        }
        Self { service, plan }
    }

    /// Ends the process, kindly or not, and starts it anew on the same socket.
    pub(crate) fn restart(mut self, kill: bool) -> Self {
        let ended = if kill { self.service.kill() } else { self.service.stop() };
        ended.expect("ended");
        Self::start(self.plan)
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.plan.admin
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.plan.socket()
    }

    // ---- asking ----

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("unix:{}", self.socket().display())).expect("an endpoint").connect_lazy()
    }

    pub(crate) fn client(&self) -> AuthorizationClient<Channel> {
        AuthorizationClient::new(self.channel())
    }

    /// What hopgate answers to `call`; panics on a gRPC error, which must never come.
    pub(crate) async fn ask(&self, call: &Call) -> Answer {
        Answer::of(self.send(call.message()).await)
    }

    pub(crate) async fn send(&self, message: CheckRequest) -> CheckResponse {
        self.client().check(message).await.expect("an answer and no gRPC error").into_inner()
    }

    /// GET of `path` with `token`.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(&Call::get(path).bearer(token)).await
    }

    // ---- tokens ----

    /// See [`tokens::alice`].
    pub(crate) fn token(&self) -> String {
        self.mint(&tokens::alice())
    }

    pub(crate) fn mint(&self, token: &TokenBuilder) -> String {
        token.sign(&self.plan.key).expect("signed")
    }

    // ---- what it tells ----

    /// The decision record of `answer`.
    pub(crate) fn record(&mut self, answer: &Answer) -> Value {
        let id = answer.decision_id();
        self.record_where(|record| record["decision_id"] == *id)
    }

    /// The first record, old or new, that `wanted` accepts.
    pub(crate) fn record_where(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let line = self
            .service
            .wait_for_line(SOON, |line| wanted(&serde_json::from_str(line).expect("a line of JSON")))
            .expect("a record");
        serde_json::from_str(&line).expect("a line of JSON")
    }

    pub(crate) fn admin_get(&self, path: &str) -> http::Response {
        http::get(self.admin(), path)
    }

    pub(crate) fn metrics(&self) -> String {
        self.admin_get("/metrics").text()
    }

    /// The value of the one series that starts with `series`, such as `hopgate_config_current`.
    pub(crate) fn metric(&self, series: &str) -> f64 {
        let text = self.metrics();
        let line = text.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')));
        let line = line.unwrap_or_else(|| panic!("no series `{series}` in\n{text}"));
        line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
    }

    pub(crate) async fn until_metric(&self, series: &str, value: f64) {
        let what = format!("{series} to be {value}");
        eventually(&what, async || ((self.metric(series) - value).abs() < 0.5).then_some(())).await;
    }

    pub(crate) async fn until_ready(&self) {
        eventually("readiness", async || (self.admin_get("/readyz").status == 200).then_some(())).await;
    }

    pub(crate) fn log(&self) -> String {
        self.service.stderr().expect("stderr")
    }
}
