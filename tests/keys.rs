//! Issuers and their keys: found, rotated, kept through an outage, and never a door.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

mod keys {
    mod algorithms;
    mod discovery;
    mod hostile;
    mod outage;
    mod refetch;
    mod several;

    use hopgate::dev::keys::SigningKey;
    use jsonwebtoken::Algorithm;
    use serde_json::{Value, json};

    use crate::support::keyserver::KeyServer;
    use crate::support::tokens::alice;
    use crate::support::{Gate, Plan};

    pub(crate) const UNAVAILABLE: &str = "503 temporarily_unavailable keys_unavailable";

    pub(crate) fn new_key() -> SigningKey {
        SigningKey::generate(Algorithm::ES256).expect("a key")
    }

    /// A plan whose only issuer is `server`, with these settings over the defaults.
    pub(crate) fn plan(server: &KeyServer, settings: &Value) -> Plan {
        let mut issuer = json!({ "issuer": server.issuer(), "jwks": { "uri": server.url("/jwks") } });
        for (name, value) in settings.as_object().expect("settings") {
            issuer[name] = value.clone();
        }
        Plan::new().set("/issuers/0", issuer)
    }

    /// alice's token by `issuer`, signed with `key`.
    pub(crate) fn token(issuer: &str, key: &SigningKey) -> String {
        alice().claim("iss", json!(issuer)).sign(key).expect("signed")
    }

    pub(crate) async fn verdict(gate: &Gate, issuer: &str, key: &SigningKey) -> String {
        gate.get("/open", &token(issuer, key)).await.verdict()
    }
}
