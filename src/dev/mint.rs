//! Access tokens of RFC 9068's profile, and every way of getting them wrong. **NOT FOR PRODUCTION.**

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{DevError, keys::SigningKey};

/// How long a token lives when nobody says: 5 minutes.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The acting party of a token (RFC 8693 section 4.1), and the ones it acted for before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who acts.
    pub sub: String,
    /// The prior actor, if any.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub act: Option<Box<Act>>,
    /// Other members that identify the actor, such as `iss`.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Act {
    /// A chain of actors, the current one first; `None` without any.
    pub fn chain<I>(actors: I) -> Option<Self>
    where
        I: IntoIterator<Item: Into<String>, IntoIter: DoubleEndedIterator>,
    {
        actors.into_iter().rev().fold(None, |prior, actor| Some(Self::over(actor, prior)))
    }

    /// `actor` as the current actor, and `prior` one level deeper than it was.
    pub fn over(actor: impl Into<String>, prior: Option<Self>) -> Self {
        Self { sub: actor.into(), act: prior.map(Box::new), rest: Map::new() }
    }
}

/// Reads an optional member so that `null` is a fault, not an absence: a malformed `act` is never "not delegated".
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A token to be: RFC 9068 claims and header, then whatever a test wants changed.
///
/// Each [`sign`](Self::sign) gives a new `jti` and, unless [`issued_at`](Self::issued_at) was called, a new `iat`.
#[derive(Debug, Clone)]
pub struct TokenBuilder {
    claims: Map<String, Value>,
    lifetime: Duration,
    issued_at: Option<u64>,
    header_changes: Vec<(String, Option<Value>)>,
    claim_changes: Vec<(String, Option<Value>)>,
}

impl TokenBuilder {
    /// A token of `issuer` for `subject`, to be used at `audience`; its `client_id` is the subject until
    /// [`client_id`](Self::client_id) says otherwise.
    #[must_use]
    pub fn new(issuer: &str, subject: &str, audience: &str) -> Self {
        let mut claims = Map::new();
        for (name, value) in [("iss", issuer), ("sub", subject), ("aud", audience), ("client_id", subject)] {
            claims.insert(name.to_owned(), json!(value));
        }
        Self {
            claims,
            lifetime: DEFAULT_LIFETIME,
            issued_at: None,
            header_changes: Vec::new(),
            claim_changes: Vec::new(),
        }
    }

    /// Several audiences; a single one is written as a plain string (RFC 7519 section 4.1.3).
    #[must_use]
    pub fn audiences<I: IntoIterator<Item: Into<String>>>(self, audiences: I) -> Self {
        let mut all: Vec<String> = audiences.into_iter().map(Into::into).collect();
        let value = if all.len() == 1 { json!(all.pop()) } else { json!(all) };
        self.set("aud", value)
    }

    /// The OAuth client that asked for the token.
    #[must_use]
    pub fn client_id(self, client_id: &str) -> Self {
        self.set("client_id", json!(client_id))
    }

    /// Scopes, space separated (RFC 8693 section 4.2); the empty string leaves the claim out.
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        if scope.is_empty() {
            self.claims.remove("scope");
            return self;
        }
        self.set("scope", json!(scope))
    }

    /// The `act` chain, the current actor first; no actors, no `act`.
    #[must_use]
    pub fn actors<I>(self, actors: I) -> Self
    where
        I: IntoIterator<Item: Into<String>, IntoIter: DoubleEndedIterator>,
    {
        match Act::chain(actors) {
            Some(act) => self.act(&act),
            None => self,
        }
    }

    /// The `act` claim as given.
    #[must_use]
    pub fn act(self, act: &Act) -> Self {
        self.set("act", json!(act))
    }

    /// How long the token lives from `iat`, in whole seconds.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// `iat` in seconds since the epoch, instead of the time of signing; `exp` moves along.
    #[must_use]
    pub fn issued_at(mut self, seconds: u64) -> Self {
        self.issued_at = Some(seconds);
        self
    }

    /// Any claim with any value, over what the token would have had.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        self.claim_changes.push((name.to_owned(), Some(value)));
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claim_changes.push((name.to_owned(), None));
        self
    }

    /// Any header parameter with any value, over what the token would have had.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header_changes.push((name.to_owned(), Some(value)));
        self
    }

    /// Leaves a header parameter out.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header_changes.push((name.to_owned(), None));
        self
    }

    /// The claims of a token signed now.
    #[must_use]
    pub fn claims(&self) -> Value {
        let issued_at = self.issued_at.unwrap_or_else(now);
        let mut claims = self.claims.clone();
        claims.insert("jti".to_owned(), json!(Uuid::now_v7().to_string()));
        claims.insert("iat".to_owned(), json!(issued_at));
        claims.insert("exp".to_owned(), json!(issued_at.saturating_add(self.lifetime.as_secs())));
        changed(claims, &self.claim_changes)
    }

    /// The header of a token signed with `key`: `typ` is `at+jwt` (RFC 9068 section 2.1).
    #[must_use]
    pub fn header_for(&self, key: &SigningKey) -> Value {
        let mut header = Map::new();
        for (name, value) in [("typ", "at+jwt"), ("alg", key.alg()), ("kid", key.kid())] {
            header.insert(name.to_owned(), json!(value));
        }
        changed(header, &self.header_changes)
    }

    /// The token, as a compact JWS.
    ///
    /// # Errors
    /// The key can't sign.
    pub fn sign(&self, key: &SigningKey) -> Result<String, DevError> {
        key.sign(&self.header_for(key), &self.claims())
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }
}

/// Seconds since the epoch.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn changed(mut members: Map<String, Value>, changes: &[(String, Option<Value>)]) -> Value {
    for (name, value) in changes {
        match value {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jsonwebtoken::Algorithm;

    use super::*;

    fn parts(token: &str) -> Vec<Value> {
        let segments = token.split('.').take(2);
        segments.map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect()
    }

    #[test]
    fn a_minted_token_has_the_claims_rfc_9068_requires() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let token = TokenBuilder::new("https://as.example", "alice", "https://invoices.example")
            .client_id("planner")
            .scope("invoices:read research:run")
            .actors(["researcher", "planner"])
            .lifetime(Duration::from_secs(60))
            .issued_at(1_000)
            .sign(&key)
            .unwrap();
        let parts = parts(&token);
        assert_eq!(parts[0], json!({ "typ": "at+jwt", "alg": "ES256", "kid": key.kid() }));
        let mut claims = parts[1].clone();
        assert!(claims.as_object_mut().unwrap().remove("jti").unwrap().is_string());
        assert_eq!(
            claims,
            json!({
                "iss": "https://as.example", "sub": "alice", "aud": "https://invoices.example",
                "client_id": "planner", "scope": "invoices:read research:run", "iat": 1_000, "exp": 1_060,
                "act": { "sub": "researcher", "act": { "sub": "planner" } },
            })
        );
    }

    #[test]
    fn every_signing_has_its_own_jti() {
        let token = TokenBuilder::new("i", "s", "a");
        assert_ne!(token.claims()["jti"], token.claims()["jti"]);
        assert_eq!(token.claims()["client_id"], "s");
    }

    #[test]
    fn claims_and_header_can_be_replaced_and_removed() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let token = TokenBuilder::new("i", "s", "a")
            .audiences(["a", "b"])
            .claim("exp", json!("soon"))
            .claim("tenant", json!({ "id": 7 }))
            .without_claim("jti")
            .header("alg", json!("none"))
            .without_header("typ");
        let claims = token.claims();
        assert_eq!((&claims["aud"], &claims["exp"]), (&json!(["a", "b"]), &json!("soon")));
        assert_eq!((&claims["tenant"], claims.get("jti")), (&json!({ "id": 7 }), None));
        assert_eq!(token.header_for(&key), json!({ "alg": "none", "kid": key.kid() }));
        assert_eq!(token.audiences(["one"]).claims()["aud"], "one");
    }

    #[test]
    fn a_null_act_is_malformed_not_absent() {
        assert!(serde_json::from_value::<Act>(json!({ "sub": "a", "act": null })).is_err());
        let act: Act = serde_json::from_value(json!({ "sub": "a", "iss": "x", "act": { "sub": "b" } })).unwrap();
        assert_eq!(json!(act), json!({ "sub": "a", "iss": "x", "act": { "sub": "b" } }));
    }
}
