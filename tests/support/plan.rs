//! The configuration most tests start from.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hopgate::dev::keys::SigningKey;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use testbed::{SocketDir, ports};

use super::Gate;

pub(crate) const ISSUER: &str = "https://issuer.demo.local";
pub(crate) const AUDIENCE: &str = "https://invoices.demo.local";

/// The SPIFFE id of the agent `name`.
pub(crate) fn spiffe(name: &str) -> String {
    format!("spiffe://demo.local/ns/agents/sa/{name}")
}

/// A hopgate to be: its folder, its issuer's key and its configuration.
pub(crate) struct Plan {
    pub(crate) dir: SocketDir,
    pub(crate) admin: SocketAddr,
    /// Signs for [`ISSUER`]; the public half is in `keys.json`.
    pub(crate) key: SigningKey,
    pub(crate) config: Value,
}

impl Plan {
    /// One service `invoices`, three agents, and a route for each kind of rule:
    ///
    /// | route | what it asks |
    /// | --- | --- |
    /// | `GET /invoices`, `GET /invoices/{id}` | `invoices:read` |
    /// | `POST /invoices/{id}/refund` | `invoices:refund`, single use |
    /// | `GET /open` | nothing but a token |
    /// | `GET /acted` | an actor |
    /// | `GET /direct` | no actor |
    /// | `GET /deep` | up to 32 actors |
    /// | `GET /paired` | alice by planner |
    /// | `GET /history` | prior actors are information |
    /// | `GET /by-planner` | current actor planner, prior actor researcher |
    /// | `GET /bound` | the mTLS peer is the actor |
    pub(crate) fn new() -> Self {
        let dir = SocketDir::new().expect("a directory");
        let admin = ports::free().expect("a port");
        let key = SigningKey::generate(Algorithm::ES256).expect("a key");
        write_keys(&dir.root().join("keys.json"), &[key.jwk()]);
        let get = |name: &str, rule: Value| {
            let path = format!("/{name}");
            json!({ "name": name, "match": { "method": "GET", "path": path }, "delegation": rule })
        };
        let config = json!({
            "listen": format!("unix:{}", dir.path("check").display()),
            "admin": admin.to_string(),
            "issuers": [{ "issuer": ISSUER, "jwks": { "file": "keys.json" }, "algorithms": ["ES256"], "max_lifetime": "15m" }],
            "agents": [
                { "id": "planner", "spiffe": spiffe("planner"), "scopes": ["invoices:read", "invoices:refund"] },
                { "id": "researcher", "spiffe": spiffe("researcher"), "scopes": ["invoices:read"] },
                { "id": "invoices", "spiffe": spiffe("invoices"), "scopes": ["*"] },
            ],
            "services": [{
                "name": "invoices",
                "audience": AUDIENCE,
                "agent": "invoices",
                "delegation": { "max_depth": 2 },
                "routes": [
                    { "name": "list", "match": { "method": "GET", "path": "/invoices" }, "scopes": ["invoices:read"] },
                    { "name": "one", "match": { "method": "GET", "path": "/invoices/{id}" }, "scopes": ["invoices:read"] },
                    {
                        "name": "refund", "match": { "method": "POST", "path": "/invoices/{id}/refund" },
                        "scopes": ["invoices:refund"], "single_use": true,
                    },
                    get("open", json!({})),
                    get("acted", json!({ "require_actor": true })),
                    get("direct", json!({ "max_depth": 0 })),
                    get("deep", json!({ "max_depth": 32, "unrestricted_prior_actors": true })),
                    get("paired", json!({ "pairs": [{ "subject": "alice", "actor": "planner" }] })),
                    get("history", json!({ "max_depth": 4, "actors": ["planner"], "unrestricted_prior_actors": true })),
                    get("by-planner", json!({ "actors": ["planner"], "prior_actors": ["researcher"] })),
                    get("bound", json!({ "bind_caller": "spiffe" })),
                ],
            }],
            "replay": { "accept_tokens_issued_before_start": true },
            "limits": { "deadline": "1s" },
        });
        Self { dir, admin, key, config }
    }

    /// Changes the configuration as written.
    pub(crate) fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self
    }

    /// Sets the member at `pointer` (RFC 6901), making the objects on the way to it.
    pub(crate) fn set(mut self, pointer: &str, value: Value) -> Self {
        set(&mut self.config, pointer, value);
        self
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.root().join("hopgate.yaml")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path("check")
    }

    /// Writes the configuration beside its file and moves it into place, as a careful operator does.
    pub(crate) fn write(&self) {
        replace_file(&self.file(), &format!("{:#}", self.config));
    }

    /// Starts `hopgate serve` and waits until its socket answers.
    pub(crate) fn start(self) -> Gate {
        Gate::start(self)
    }
}

pub(crate) fn set(config: &mut Value, pointer: &str, value: Value) {
    let mut at = config;
    for part in pointer.split('/').skip(1) {
        at = if let Ok(index) = part.parse::<usize>() {
            at.get_mut(index).expect("an item of that index")
        } else {
            if at.is_null() {
                *at = json!({});
            }
            at.as_object_mut().expect("an object").entry(part).or_insert(Value::Null)
        };
    }
    *at = value;
}

pub(crate) fn write_keys(file: &Path, jwks: &[&Value]) {
    replace_file(file, &json!({ "keys": jwks }).to_string());
}

pub(crate) fn replace_file(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).expect("written");
    std::fs::rename(&beside, file).expect("moved");
}
