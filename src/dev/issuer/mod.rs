//! A token issuer for trying hopgate out: RFC 8414 metadata, JWKS, `client_credentials` and RFC 8693 token exchange.
//! **NOT FOR PRODUCTION.**
//!
//! ```text
//! GET  /.well-known/oauth-authorization-server   RFC 8414; also /.well-known/openid-configuration
//! GET  /jwks                                     the signing key, and for a while the ones before it
//! POST /token                                    client_credentials, token-exchange; with a DPoP proof, bound to its key
//! POST /user-token                               dev only: sub, client_id, audience, scope; stands for a consent.
//!                                                With acr_values or auth_time: the person authenticated like that;
//!                                                with authorization_details (RFC 9396): the person granted those
//! POST /rotate                                   dev only: a new signing key; keep_old=false forgets the old ones now
//! ```
//! An issuer identifier with a path (`http://127.0.0.1:9000/as`) has its endpoints below that path.

mod config;
mod details;
mod dev_endpoints;
mod dpop;
mod exchange;
mod form;
mod grant;
mod identifier;
mod keyring;
mod metadata;
mod oauth_error;
mod presented;
#[cfg(test)]
mod tests;

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    routing::{get, post},
};
use tokio::net::TcpListener;

pub(crate) use config::IssuerFile;
pub use config::{Client, IssuerConfig, Secret};
use identifier::Identifier;
use keyring::KeyRing;

use super::{DevError, keys::SigningKey, loopback};

/// A running or not yet running dev issuer; clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct Issuer(Arc<State>);

#[derive(Debug)]
struct State {
    identifier: Identifier,
    clients: Vec<Client>,
    lifetime: Duration,
    retired_keys: Duration,
    details_types: Vec<String>,
    keys: ArcSwap<KeyRing>,
}

impl Issuer {
    /// An issuer with the configured key, or a new one.
    ///
    /// # Errors
    /// The issuer identifier is malformed (RFC 8414 section 2), a client is configured twice, a client id or scope
    /// has characters OAuth does not allow, or no key can be made.
    pub fn new(config: IssuerConfig) -> Result<Self, DevError> {
        let identifier = Identifier::parse(&config.issuer)?;
        config::check(&config.clients)?;
        let key = config.key.map_or_else(|| SigningKey::generate(config.algorithm), Ok)?;
        Ok(Self(Arc::new(State {
            identifier,
            clients: config.clients,
            lifetime: config.lifetime,
            retired_keys: config.retired_keys,
            details_types: config.details_types,
            keys: ArcSwap::from_pointee(KeyRing::new(key)),
        })))
    }

    /// Serves until `shutdown` completes.
    ///
    /// # Errors
    /// The listener is not on loopback (`PermissionDenied`), or fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        loopback(listener.local_addr()?).map_err(|e| io::Error::new(io::ErrorKind::PermissionDenied, e))?;
        axum::serve(listener, self.router()).with_graceful_shutdown(shutdown).await
    }

    /// The `iss` of every token.
    #[must_use]
    pub fn identifier(&self) -> &str {
        self.0.identifier.as_str()
    }

    /// The key that signs at this moment.
    #[must_use]
    pub fn signing_key(&self) -> Arc<SigningKey> {
        Arc::clone(self.0.keys.load().current())
    }

    /// Signs with a new key of the same algorithm from now on. The old public keys stay published for as long as
    /// configured, or with `keep_old` false not at all.
    ///
    /// # Errors
    /// No key can be made; the old one stays.
    pub fn rotate(&self, keep_old: bool) -> Result<Arc<SigningKey>, DevError> {
        let key = Arc::new(SigningKey::generate(self.signing_key().algorithm())?);
        let now = Instant::now();
        let until = keep_old.then(|| now.checked_add(self.0.retired_keys)).flatten();
        self.0.keys.rcu(|keys| keys.rotated(Arc::clone(&key), now, until));
        Ok(key)
    }

    fn router(&self) -> Router {
        let at = |endpoint: &str| self.0.identifier.path(endpoint);
        Router::new()
            .route(&self.0.identifier.well_known("oauth-authorization-server"), get(metadata::document))
            .route(&at("/.well-known/openid-configuration"), get(metadata::document))
            .route(&at("/jwks"), get(metadata::jwks))
            .route(&at("/token"), post(grant::token))
            .route(&at("/user-token"), post(dev_endpoints::user_token))
            .route(&at("/rotate"), post(dev_endpoints::rotate))
            .with_state(self.clone())
    }
}
