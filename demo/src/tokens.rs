//! What the issuer gives: alice's token at the console, and an agent's in exchange for it.

use hopgate::dev::keys::SigningKey;
use hopgate::dev::proof::ProofBuilder;
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::Fault;
use crate::names::{ALICE, Workload};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// A client of the issuer: an agent.
pub(crate) struct AtIssuer {
    /// Its OAuth client id.
    id: &'static str,
    secret: String,
    /// The issuer's identifier, which is also where it listens.
    issuer: String,
    http: Client,
}

/// What the next hop's token is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) audience: &'a str,
    pub(crate) scope: &'a str,
    /// To be bound to this key (RFC 9449 section 5).
    pub(crate) key: Option<&'a SigningKey>,
}

impl AtIssuer {
    pub(crate) fn new(agent: Workload, issuer: &str) -> Self {
        Self { id: agent.name(), secret: secret(agent), issuer: issuer.to_owned(), http: Client::new() }
    }

    pub(crate) fn id(&self) -> &'static str {
        self.id
    }

    /// RFC 8693: the caller's token and this agent's own, for one that names this agent as actor.
    pub(crate) async fn exchange(&self, subject_token: &str, wanted: Wanted<'_>) -> Result<String, Fault> {
        let own = given(self.request().form(&[("grant_type", "client_credentials")])).await?;
        let mut request = self.request().form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", subject_token),
            ("subject_token_type", ACCESS_TOKEN),
            ("actor_token", &own),
            ("actor_token_type", ACCESS_TOKEN),
            ("audience", wanted.audience),
            ("scope", wanted.scope),
        ]);
        if let Some(key) = wanted.key {
            // There is no token yet that the proof could name.
            let proof = ProofBuilder::new("POST", &self.endpoint(), "").without_claim("ath");
            request = request.header("dpop", proof.sign(key)?);
        }
        given(request).await
    }

    fn request(&self) -> RequestBuilder {
        self.http.post(self.endpoint()).basic_auth(self.id, Some(&self.secret))
    }

    fn endpoint(&self) -> String {
        format!("{}/token", self.issuer)
    }
}

/// As if alice had logged in at the console and agreed to `scope`; `more` says how she authenticated.
pub(crate) async fn user_token(issuer: &str, scope: &str, more: &[(&str, &str)]) -> Result<String, Fault> {
    let audience = Workload::Planner.audience();
    let form =
        [("sub", ALICE), ("client_id", Workload::Console.name()), ("audience", audience.as_str()), ("scope", scope)];
    given(Client::new().post(format!("{issuer}/user-token")).form(&[&form, more].concat())).await
}

/// What nobody would do but in a demo: the issuer listens on loopback, for as long as this runs.
pub(crate) fn secret(workload: Workload) -> String {
    format!("{}-secret", workload.name())
}

async fn given(request: RequestBuilder) -> Result<String, Fault> {
    let answer = request.send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    let token = body.get("access_token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| format!("the issuer answered {status}: {body}").into())
}
