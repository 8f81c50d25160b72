//! What a dev issuer is told: from code, from flags or from a YAML (so also JSON) file.

use std::{
    collections::HashSet,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use jsonwebtoken::Algorithm;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::dev::{DevError, keys::SigningKey, mint::DEFAULT_LIFETIME};

use super::form::{is_printable, is_scope};

/// How long a rotated key stays published when nobody says: 10 minutes, twice the life of a token.
const DEFAULT_RETIRED_KEYS: Duration = Duration::from_secs(10 * 60);

/// The settings of an issuer.
#[derive(Debug, Clone)]
pub struct IssuerConfig {
    /// The issuer identifier: https, or http on loopback.
    pub issuer: String,
    /// The algorithm of keys the issuer makes; a configured [`key`](Self::key) has its own.
    pub algorithm: Algorithm,
    /// The signing key; without one a new key is made.
    pub key: Option<SigningKey>,
    /// Who may ask for tokens.
    pub clients: Vec<Client>,
    /// How long tokens live, in whole seconds.
    pub lifetime: Duration,
    /// How long the public key stays published after a rotation.
    pub retired_keys: Duration,
    /// The types of `authorization_details` that can be asked for (RFC 9396); any when empty.
    pub details_types: Vec<String>,
}

/// A confidential OAuth client: in hopgate's terms, an agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    pub id: String,
    pub secret: Secret,
    /// What `client_credentials` may give it.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// A client secret, which no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl IssuerConfig {
    /// Defaults: ES256, a new key, no clients, tokens of 5 minutes, retired keys for 10 minutes, any type of
    /// `authorization_details`.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            algorithm: Algorithm::ES256,
            key: None,
            clients: Vec::new(),
            lifetime: DEFAULT_LIFETIME,
            retired_keys: DEFAULT_RETIRED_KEYS,
            details_types: Vec::new(),
        }
    }

    /// One more client.
    #[must_use]
    pub fn client(mut self, id: &str, secret: &str, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().copied().map(str::to_owned).collect();
        self.clients.push(Client { id: id.to_owned(), secret: Secret(secret.to_owned()), scopes });
        self
    }
}

/// The same settings as a file has them, all optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerFile {
    pub(crate) issuer: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
    /// A key file, relative to the working directory.
    pub(crate) key: Option<PathBuf>,
    #[serde(default)]
    pub(crate) clients: Vec<Client>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) retired_keys: Option<Duration>,
    #[serde(default)]
    pub(crate) details_types: Vec<String>,
}

impl IssuerFile {
    pub(crate) fn read(path: &Path) -> Result<Self, DevError> {
        let text = fs::read_to_string(path).map_err(|fault| DevError::File { path: path.to_owned(), fault })?;
        serde_saphyr::from_str(&text)
            .map_err(|fault| DevError::ConfigFile { path: path.to_owned(), fault: fault.to_string() })
    }
}

/// `ID:SECRET:SCOPES` of the command line, the scopes separated by commas or spaces: scopes may hold colons, so only the first
/// two separate.
impl FromStr for Client {
    type Err = DevError;

    fn from_str(text: &str) -> Result<Self, DevError> {
        let mut parts = text.splitn(3, ':');
        let (Some(id), Some(secret)) = (parts.next(), parts.next()) else {
            // The text may hold a secret: not repeated.
            return Err(DevError::Syntax {
                found: "…".to_owned(), expected: "a client of the form ID:SECRET:SCOPES"
            });
        };
        let scopes = parts.next().unwrap_or_default().split([',', ' ']).filter(|scope| !scope.is_empty());
        Ok(Self { id: id.to_owned(), secret: Secret(secret.to_owned()), scopes: scopes.map(str::to_owned).collect() })
    }
}

/// Every client has an id and a secret OAuth can carry, and no id comes twice.
pub(super) fn check(clients: &[Client]) -> Result<(), DevError> {
    let mut ids = HashSet::new();
    for client in clients {
        if !is_printable(&client.id) || !is_printable(&client.secret.0) {
            return Err(DevError::Syntax {
                found: client.id.clone(),
                expected: "a client with an id and a secret of printable ASCII (RFC 6749 appendix A)",
            });
        }
        if let Some(scope) = client.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(DevError::Syntax { found: scope.clone(), expected: "a scope (RFC 6749 section 3.3)" });
        }
        if !ids.insert(&client.id) {
            return Err(DevError::SameClient(client.id.clone()));
        }
    }
    Ok(())
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|fault| D::Error::custom(format!("`{text}` is not a duration such as 5m: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_flag_keeps_the_colons_of_its_scopes() {
        let client: Client = "planner:s3cret:invoices:read,research:run".parse().unwrap();
        assert_eq!(client.scopes, ["invoices:read", "research:run"]);
        assert_eq!((client.id.as_str(), client.secret.0.as_str()), ("planner", "s3cret"));
        assert!(!format!("{client:?}").contains("s3cret"));
        assert!("planner:s3cret".parse::<Client>().unwrap().scopes.is_empty());
        let refused = "planner".parse::<Client>().unwrap_err().to_string();
        assert!(refused.contains("ID:SECRET:SCOPES"), "{refused}");
    }

    #[test]
    fn a_file_is_yaml_or_json_and_unknown_fields_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = dir.path().join("issuer.yaml");
            fs::write(&path, text).unwrap();
            IssuerFile::read(&path)
        };
        let yaml = "issuer: http://127.0.0.1:9000\nalgorithm: EdDSA\nlifetime: 90s\nclients:\n  \
                    - { id: planner, secret: s3cret, scopes: [invoices:read] }\n";
        let file = read(yaml).unwrap();
        assert_eq!((file.algorithm, file.lifetime), (Some(Algorithm::EdDSA), Some(Duration::from_secs(90))));
        assert_eq!(file.clients, ["planner:s3cret:invoices:read".parse().unwrap()]);
        assert!(read(r#"{"issuer": "http://127.0.0.1:9000"}"#).is_ok());
        for fault in ["isuer: x", "lifetime: soon", "algorithm: none", "clients: [{ id: a }]"] {
            assert!(read(fault).is_err(), "{fault}");
        }
    }

    #[test]
    fn clients_are_checked() {
        let config = IssuerConfig::new("http://127.0.0.1");
        assert!(check(&config.clone().client("a", "s", &["x", "y"]).clients).is_ok());
        for (id, secret, scope) in [("", "s", "x"), ("a", "", "x"), ("a\n", "s", "x"), ("a", "s", "x y")] {
            assert!(check(&config.clone().client(id, secret, &[scope]).clients).is_err(), "{id} {secret} {scope}");
        }
        let twice = config.client("a", "s", &[]).client("a", "t", &[]);
        assert!(matches!(check(&twice.clients), Err(DevError::SameClient(_))));
    }
}
