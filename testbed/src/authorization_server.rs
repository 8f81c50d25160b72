//! An authorization server and an OAuth client that are neither ours nor each other's: oidc-provider and oauth4webapi, in
//! `testbed/authorization-server`.

use serde_json::{Value, json};

use crate::program::{first_line, node, play, unreadable};
use crate::{Error, Service};

const FOLDER: &str = "authorization-server";

/// A running authorization server on a loopback port of its own choice, and what its clients are called.
#[derive(Debug)]
pub struct AuthorizationServer {
    service: Service,
    issuer: String,
    clients: Value,
    resources: Vec<String>,
}

impl AuthorizationServer {
    /// Starts one that issues tokens of `scopes` for each of `resources` (RFC 8707), fetched if it is not there.
    ///
    /// # Errors
    /// When it can't be fetched or started.
    pub fn start(resources: &[&str], scopes: &[&str]) -> Result<Self, Error> {
        let config = json!({ "resources": resources, "scopes": scopes });
        let name = "the authorization server";
        let mut service = Service::start(name, node(FOLDER, "server.mjs", &config)?)?;
        let told = first_line(&mut service, name)?;
        let (Some(issuer), Some(clients)) = (told.get("issuer").and_then(Value::as_str), told.get("clients")) else {
            return Err(unreadable(name, &told.to_string()));
        };
        let (issuer, clients) = (issuer.to_owned(), clients.clone());
        let resources = resources.iter().map(|resource| (*resource).to_owned()).collect();
        Ok(Self { service, issuer, clients, resources })
    }

    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Everything it wrote to stderr so far.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn stderr(&self) -> Result<String, Error> {
        self.service.stderr()
    }

    /// Plays `scenario` of `client.mjs` against the first resource, and gives what each step printed. The last of the
    /// resources stands for another one.
    ///
    /// # Errors
    /// When the client can't be started or gives up: its stderr says why.
    pub fn play(&self, scenario: &str) -> Result<Vec<Value>, Error> {
        let config = json!({
            "scenario": scenario,
            "clients": self.clients,
            "resource": self.resources.first(),
            "elsewhere": self.resources.last(),
        });
        play(&format!("the scenario {scenario}"), node(FOLDER, "client.mjs", &config)?)
    }
}
