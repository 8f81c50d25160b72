//! The token and the proof of a case, signed now.

use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::instant;
use super::keys::{Keyring, Owner};
use super::written::{Bound, Proof, ProofKey, Signature, Token};
use crate::authz::{self, Issuer, ProofRules, Service, UnixTime};
use crate::dev::keys::SigningKey;
use crate::dev::proof::ProofBuilder;

/// How long a token is good where nothing is said: shorter where the issuer's may not live so long.
const LIFETIME: Duration = Duration::from_secs(300);

/// What tokens and proofs are made for.
pub(super) struct Maker<'a> {
    pub(super) keyring: &'a Keyring,
    pub(super) issuers: Vec<&'a Issuer>,
    pub(super) service: Option<&'a Service>,
    pub(super) proofs: &'a ProofRules,
    pub(super) now: UnixTime,
    /// PEM of the caller's certificate.
    pub(super) certificate: &'a str,
}

impl Maker<'_> {
    pub(super) fn token(&self, token: &Token) -> Result<String, String> {
        let issuer = self.issuer_of(token).ok_or_else(|| "no issuer is there".to_owned())?;
        let algorithm = algorithm_of(token, issuer)?;
        let own = self.key(&Owner::Issuer(issuer.name.as_ref().to_owned()), algorithm)?;
        let signer = self.key(&owner_of(token, issuer), algorithm)?;
        let alg = if token.signature == Signature::Hmac { "HS256" } else { own.alg() };
        let header = changed(
            Map::from_iter([
                ("typ".to_owned(), json!(issuer.token_types.first().map_or("at+jwt", AsRef::as_ref))),
                ("alg".to_owned(), json!(alg)),
                ("kid".to_owned(), json!(own.kid())),
            ]),
            token.header.clone(),
            &token.without_header,
        );
        let mut payload =
            changed(self.claims(token, issuer)?, self.resolved(&token.claims), &token.without).to_string();
        for (name, value) in &token.repeat {
            payload.pop();
            // Writing to a `String` can't fail.
            let _ = write!(payload, ",{}:{}}}", json!(name), instant::resolved(name, value, self.now));
        }
        let text = signed(&signer, &own, &header.to_string(), &payload, token.signature)?;
        Ok(token.raw.as_ref().map_or(text.clone(), |raw| raw.replace("<token>", &text)))
    }

    /// The proof for one call with `token`.
    pub(super) fn proof(&self, proof: &Proof, method: &str, path: &str, token: &str) -> Result<String, String> {
        let key = match proof.key {
            ProofKey::Bound => self.sender(&Owner::Sender)?,
            ProofKey::Stranger => self.sender(&Owner::OtherSender)?,
        };
        let base = self.service.and_then(|service| service.external_urls.first());
        let base = base.map_or("https://service.invalid", authz::TargetUrl::as_str).trim_end_matches('/');
        let url = format!("{base}{}", path.split(['?', '#']).next().unwrap_or_default());
        let mut builder = ProofBuilder::new(method, &url, token).claim("iat", json!(self.now.as_secs()));
        if self.proofs.require_nonce {
            builder = builder.nonce(&self.proofs.nonces.mint(self.now));
        }
        for (name, value) in self.resolved(&proof.claims) {
            builder = builder.claim(&name, value);
        }
        for (name, value) in &proof.header {
            builder = builder.header(name, value.clone());
        }
        builder = proof.without.iter().fold(builder, |builder, name| builder.without_claim(name));
        builder = proof.without_header.iter().fold(builder, |builder, name| builder.without_header(name));
        let text = builder.sign(&key).map_err(|error| error.to_string())?;
        Ok(proof.raw.as_ref().map_or(text.clone(), |raw| raw.replace("<proof>", &text)))
    }

    fn issuer_of(&self, token: &Token) -> Option<&Issuer> {
        let named = |name: &String| self.issuers.iter().copied().find(|issuer| issuer.name.as_ref() == name.as_str());
        token.issuer.as_ref().map_or_else(|| self.issuers.first().copied(), named)
    }

    /// The claims that are there without being written.
    fn claims(&self, token: &Token, issuer: &Issuer) -> Result<Map<String, Value>, String> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("iss", json!(issuer.name));
        put("jti", json!(Uuid::now_v7().to_string()));
        put("iat", json!(self.now.as_secs()));
        put("exp", instant::ahead(self.now, LIFETIME.min(issuer.max_lifetime)));
        if let Some(audience) = self.service.and_then(|service| service.audiences.first()) {
            put("aud", json!(audience));
        }
        if let Some(subject) = token.claims.get("sub") {
            put("client_id", subject.clone());
        }
        let mut confirmation = Map::new();
        if token.bound.contains(&Bound::Dpop) {
            confirmation.insert("jkt".to_owned(), json!(self.sender(&Owner::Sender)?.kid()));
        }
        if token.bound.contains(&Bound::Certificate) {
            confirmation.insert("x5t#S256".to_owned(), json!(thumbprint(self.certificate)?));
        }
        if !confirmation.is_empty() {
            claims.insert("cnf".to_owned(), Value::Object(confirmation));
        }
        Ok(claims)
    }

    fn resolved(&self, claims: &Map<String, Value>) -> Map<String, Value> {
        claims.iter().map(|(name, value)| (name.clone(), instant::resolved(name, value, self.now))).collect()
    }

    fn sender(&self, owner: &Owner) -> Result<Rc<SigningKey>, String> {
        let algorithm = self.proofs.algorithms.first().copied().map_or(Algorithm::ES256, Algorithm::from);
        self.key(owner, algorithm)
    }

    fn key(&self, owner: &Owner, algorithm: Algorithm) -> Result<Rc<SigningKey>, String> {
        self.keyring.key(owner, algorithm).map_err(|error| error.to_string())
    }
}

/// What `token` is signed with: the keys of its issuer are made before any token is.
pub(super) fn algorithm_of(token: &Token, issuer: &Issuer) -> Result<Algorithm, String> {
    let named = token.algorithm.as_deref().and_then(authz::Algorithm::from_header);
    let algorithm = named.or(issuer.algorithms.first().copied()).ok_or_else(|| "no algorithm is there".to_owned())?;
    Ok(algorithm.into())
}

/// Whose key signs `token`, which says it is of `issuer`.
pub(super) fn owner_of(token: &Token, issuer: &Issuer) -> Owner {
    match token.key.as_deref() {
        None | Some("issuer") => Owner::Issuer(issuer.name.as_ref().to_owned()),
        Some("stranger") => Owner::Stranger,
        Some(name) => Owner::Issuer(name.to_owned()),
    }
}

fn changed(mut members: Map<String, Value>, changes: Map<String, Value>, without: &[String]) -> Value {
    members.extend(changes);
    for name in without {
        members.remove(name);
    }
    Value::Object(members)
}

/// A compact JWS (RFC 7515 section 7.1) whose signature is as `kind` says.
fn signed(
    signer: &SigningKey,
    own: &SigningKey,
    header: &str,
    payload: &str,
    kind: Signature,
) -> Result<String, String> {
    let good = signer.sign_raw(header.as_bytes(), payload.as_bytes()).map_err(|error| error.to_string())?;
    let (input, signature) = good.rsplit_once('.').unwrap_or((&good, ""));
    let other = match kind {
        Signature::Good => return Ok(good),
        Signature::Empty => String::new(),
        Signature::Broken => {
            let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
            if let Some(first) = bytes.first_mut() {
                *first ^= 1;
            }
            URL_SAFE_NO_PAD.encode(bytes)
        }
        Signature::Hmac => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, own.jwk().to_string().as_bytes());
            URL_SAFE_NO_PAD.encode(hmac::sign(&secret, input.as_bytes()))
        }
    };
    Ok(format!("{input}.{other}"))
}

/// RFC 8705 section 3.1: base64url of the SHA-256 of the certificate's DER.
fn thumbprint(pem: &str) -> Result<String, String> {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| {
        "a token can't be bound to a certificate that is not there: write `request.certificate`".to_owned()
    })?;
    Ok(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &pem.contents)))
}
