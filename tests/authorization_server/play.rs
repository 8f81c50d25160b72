//! The stage of all scenarios, and what was seen on it.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::{AuthorizationServer, ports};

use crate::support::Plan;
use crate::support::mesh::Mesh;

/// A resource of the same server that hopgate does not guard.
pub(crate) const ELSEWHERE: &str = "https://reports.demo.local";

pub(crate) struct Play {
    pub(crate) server: AuthorizationServer,
    pub(crate) resource: String,
    mesh: Mesh,
    lines: Vec<Value>,
}

impl Play {
    /// Starts the authorization server, hopgate and Envoy, and has the client play `scenario`.
    pub(crate) async fn of(scenario: &str) -> Self {
        Self::with(scenario, |_| ()).await
    }

    /// The same with another configuration of hopgate.
    pub(crate) async fn with(scenario: &str, change: impl FnOnce(&mut Value)) -> Self {
        // The resource is called by the URL of its Envoy, which must therefore be known beforehand.
        let address = ports::free().expect("a port");
        let resource = format!("http://{address}");
        let server = AuthorizationServer::start(&[&resource, ELSEWHERE], &["invoices:read", "invoices:refund"])
            .expect("an authorization server");
        let plan = Plan::new().edit(|config| configure(config, &server, &resource)).edit(change);
        let mesh = Mesh::with(plan, |listener, _| listener.port = address.port()).await;
        mesh.gate.until_ready().await;
        // A proof knows whole seconds only: one of the second in which hopgate began to remember could be older, and
        // would be asked for a nonce.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let lines = server.play(scenario).unwrap_or_else(|error| {
            panic!("{error}\nserver: {:?}\nhopgate: {}", server.stderr(), mesh.gate.log());
        });
        for line in &lines {
            if let Some(challenge) = line["www_authenticate"].as_str() {
                println!("{} {}: WWW-Authenticate: {challenge}", line["step"], line["status"]);
            }
        }
        Self { server, resource, mesh, lines }
    }

    /// The only line of `step`.
    pub(crate) fn line(&self, step: &str) -> &Value {
        let lines = self.lines(step);
        assert_eq!(lines.len(), 1, "{step}: {lines:#?}");
        lines[0]
    }

    /// The lines of `step`: a call that comes back with a nonce has two.
    pub(crate) fn lines(&self, step: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["step"] == step).collect()
    }

    /// The claims of the token that `step` got.
    pub(crate) fn claims(&self, step: &str) -> &Value {
        &self.line(step)["claims"]
    }

    /// The decision record of an answer: a refusal has its id, and the service behind Envoy was told it.
    pub(crate) fn record(&mut self, answer: &Value) -> Value {
        let echoed = &answer["body"]["headers"]["x-hopgate-decision-id"][0];
        let id = answer["decision_id"].as_str().or(echoed.as_str());
        let id = id.unwrap_or_else(|| panic!("no decision id: {answer:#}")).to_owned();
        self.record_where(|record| record["decision_id"] == *id)
    }

    pub(crate) fn record_where(&mut self, wanted: impl FnMut(&Value) -> bool) -> Value {
        self.mesh.gate.record_where(wanted)
    }

    /// The record of `step`, which passed at once.
    pub(crate) fn passed(&mut self, step: &str) -> Value {
        let line = self.line(step).clone();
        self.passed_with(&line)
    }

    /// The record of `step`, which passed when it came back with the nonce it was asked for.
    pub(crate) fn passed_with_nonce(&mut self, step: &str) -> Value {
        let line = self.after_nonce(step);
        self.passed_with(&line)
    }

    /// The record of `step`, which was refused at once.
    pub(crate) fn refused(&mut self, step: &str, status: u16, error: &str, reason: &str) -> Value {
        let line = self.line(step).clone();
        self.refused_with(&line, status, error, reason)
    }

    /// The record of `step`, which was refused when it came back with the nonce it was asked for.
    pub(crate) fn refused_with_nonce(&mut self, step: &str, status: u16, error: &str, reason: &str) -> Value {
        let line = self.after_nonce(step);
        self.refused_with(&line, status, error, reason)
    }

    fn after_nonce(&mut self, step: &str) -> Value {
        let lines: Vec<Value> = self.lines(step).into_iter().cloned().collect();
        let [first, second] = lines.as_slice() else { panic!("{step}: {lines:#?}") };
        self.refused_with(first, 401, "use_dpop_nonce", "proof_nonce_required");
        // RFC 9449 section 8: a nonce, "1*NQCHAR", in an answer that is not cached.
        let nonce = first["dpop_nonce"].as_str().expect("a nonce");
        assert!(
            !nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'),
            "{first:#}"
        );
        assert_eq!(first["challenges"][0]["scheme"], "dpop", "{first:#}");
        second.clone()
    }

    fn passed_with(&mut self, line: &Value) -> Value {
        let record = self.record(line);
        assert_eq!((&line["status"], &record["decision"]), (&json!(200), &json!("allow")), "{line:#}\n{record:#}");
        record
    }

    fn refused_with(&mut self, line: &Value, status: u16, error: &str, reason: &str) -> Value {
        let record = self.record(line);
        let said = format!("{line:#}\n{record:#}");
        assert_eq!((&record["decision"], &record["reason"]), (&json!("deny"), &json!(reason)), "{said}");
        assert_eq!(line["status"], status, "{said}");
        assert_eq!(line["cache_control"], "no-store", "{said}");
        let challenge = line["www_authenticate"].as_str().unwrap_or_else(|| panic!("no challenge: {said}"));
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{said}");
        assert!(challenge.contains(&format!("resource_metadata=\"{}\"", self.metadata_url())), "{said}");
        // HEAD has no body.
        if line["body"] != "" {
            assert_eq!(line["body"]["error"], error, "{said}");
        }
        record
    }

    pub(crate) fn metadata_url(&self) -> String {
        format!("{}/.well-known/oauth-protected-resource", self.resource)
    }
}

/// Nothing of the resource's URLs but its identifier is said: metadata and proofs follow from it.
fn configure(config: &mut Value, server: &AuthorizationServer, resource: &str) {
    // One machine has one clock; with an allowance a token would outlive the test.
    config["issuers"] = json!([{ "issuer": server.issuer(), "algorithms": ["ES256"], "clock_skew": "0s" }]);
    config["agents"] = json!([
        { "id": "researcher", "scopes": ["invoices:read", "invoices:refund"] },
        { "id": "planner", "scopes": ["invoices:read", "invoices:refund"] },
        { "id": "courier", "scopes": ["invoices:read"] },
    ]);
    config["services"] = json!([{
        "name": "invoices",
        "audience": resource,
        "routes": [
            { "name": "list", "match": { "methods": ["GET", "HEAD"], "path": "/invoices" }, "scopes": ["invoices:read"] },
            {
                "name": "refund", "match": { "method": "POST", "path": "/invoices/{id}/refund" },
                "scopes": ["invoices:refund"], "risk": "destructive",
            },
            {
                "name": "bound", "match": { "method": "GET", "path": "/bound" },
                "scopes": ["invoices:read"], "sender_constrained": "required",
            },
            {
                "name": "recent", "match": { "method": "GET", "path": "/recent" },
                "scopes": ["invoices:read"], "step_up": { "max_age": "3s" },
            },
        ],
    }]);
    config["risk"] = json!({
        "destructive": {
            "sender_constrained": "required",
            "step_up": { "acr_values": ["urn:example:mfa"], "max_age": "5m" },
        },
    });
    config["dpop"] = json!({ "require_nonce": true });
}
