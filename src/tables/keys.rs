//! Throw-away keys: those that stand for the issuers', those of strangers, those of senders.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::authz::{Issuer, KeySet};
use crate::dev::DevError;
use crate::dev::certs::MeshCa;
use crate::dev::keys::SigningKey;

/// Whose a key is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    Issuer(String),
    /// Nobody knows it.
    Stranger,
    /// It signs proofs, and tokens may be bound to it.
    Sender,
    /// It signs proofs, and no token is bound to it.
    OtherSender,
}

/// Keys and certificates, made when they are first asked for; each is the same in the whole run.
#[derive(Debug, Default)]
pub(super) struct Keyring {
    keys: RefCell<BTreeMap<(Owner, String), Rc<SigningKey>>>,
    certificates: RefCell<BTreeMap<(String, String), Rc<str>>>,
}

impl Keyring {
    pub(super) fn key(&self, owner: &Owner, algorithm: Algorithm) -> Result<Rc<SigningKey>, DevError> {
        let name = (owner.clone(), format!("{algorithm:?}"));
        if let Some(known) = self.keys.borrow().get(&name) {
            return Ok(Rc::clone(known));
        }
        let key = Rc::new(SigningKey::generate(algorithm)?);
        self.keys.borrow_mut().insert(name, Rc::clone(&key));
        Ok(key)
    }

    /// The key set that stands for `issuer`'s: its first algorithm's key, and all that were made in its name.
    pub(super) fn set_of(&self, issuer: &Issuer) -> Result<KeySet, String> {
        let keys = self.jwks_of(issuer)?;
        KeySet::parse(keys.to_string().as_bytes(), &issuer.algorithms).map_err(|error| error.to_string())
    }

    /// Its public halves as a JWK Set.
    pub(super) fn jwks_of(&self, issuer: &Issuer) -> Result<Value, String> {
        let first = issuer.algorithms.first().ok_or_else(|| "an issuer without algorithms".to_owned())?;
        let owner = Owner::Issuer(issuer.name.as_ref().to_owned());
        self.key(&owner, (*first).into()).map_err(|error| error.to_string())?;
        let keys = self.keys.borrow();
        let own: Vec<&Value> = keys.iter().filter(|((of, _), _)| *of == owner).map(|(_, key)| key.jwk()).collect();
        Ok(json!({ "keys": own }))
    }

    pub(super) fn count(&self) -> usize {
        self.keys.borrow().len()
    }

    /// The PEM of the certificate that is called `name`, for `spiffe_id`, or for an id of its own.
    pub(super) fn certificate(&self, name: &str, spiffe_id: &str) -> Result<Rc<str>, DevError> {
        let called = (name.to_owned(), spiffe_id.to_owned());
        if let Some(known) = self.certificates.borrow().get(&called) {
            return Ok(Rc::clone(known));
        }
        let domain = spiffe_id.strip_prefix("spiffe://").and_then(|rest| rest.split('/').next());
        let issued = |domain: &str, id: &str| MeshCa::generate(domain)?.issue(id);
        let leaf = domain
            .and_then(|domain| issued(domain, spiffe_id).ok())
            .map_or_else(|| issued("test.invalid", "spiffe://test.invalid/peer"), Ok)?;
        let pem: Rc<str> = leaf.cert_pem.into();
        self.certificates.borrow_mut().insert(called, Rc::clone(&pem));
        Ok(pem)
    }
}
