//! Tokens of the story: the issuer's own, and forgeries.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use crate::Fault;
use crate::mesh::Mesh;
use crate::names::{ALICE, SECOND_FACTOR, Workload};

pub(crate) struct Mint {
    issuer: String,
    pub(crate) key: Arc<SigningKey>,
    /// What the agents prove their calls with (`DPoP`).
    pub(crate) planner: Holder,
    pub(crate) researcher: Holder,
    /// A token from before the services were there.
    pub(crate) early: String,
}

/// What a token can be bound to.
pub(crate) struct Holder {
    pub(crate) key: SigningKey,
    /// Of its certificate.
    thumbprint: String,
}

impl Mint {
    pub(crate) fn of(mesh: &Mesh) -> Result<Self, Fault> {
        let (issuer, key) = (mesh.issuer.identifier().to_owned(), Arc::clone(&mesh.key));
        let (planner, researcher) = (Holder::of(mesh, Workload::Planner)?, Holder::of(mesh, Workload::Researcher)?);
        let mut mint = Self { issuer, key, planner, researcher, early: String::new() };
        let since_start = mesh.invoices.sidecar.started_at.duration_since(UNIX_EPOCH)?;
        let before = since_start.saturating_sub(Duration::from_secs(1)).as_secs();
        mint.early = mint.sign(&mint.refund().issued_at(before))?;
        Ok(mint)
    }

    /// What the issuer gives the researcher for invoices: alice's, through the planner.
    pub(crate) fn token(&self) -> TokenBuilder {
        TokenBuilder::new(&self.issuer, ALICE, &Workload::Invoices.audience())
            .client_id(Workload::Researcher.name())
            .scope("invoices:read")
            .actors(["researcher", "planner"])
    }

    /// The same, bound to the researcher's key.
    pub(crate) fn key_bound(&self) -> TokenBuilder {
        self.token().claim("cnf", json!({ "jkt": self.researcher.key.kid() }))
    }

    /// The same, bound to the researcher's certificate.
    pub(crate) fn certificate_bound(&self) -> TokenBuilder {
        self.token().claim("cnf", json!({ "x5t#S256": self.researcher.thumbprint }))
    }

    /// What the planner refunds with: alice's and with nobody between, who has just shown her second factor and approved
    /// refunds of 100 for two invoices; bound to the planner's certificate.
    pub(crate) fn refund(&self) -> TokenBuilder {
        let token = self.token().client_id(Workload::Planner.name()).actors(["planner"]).scope("invoices:refund");
        let token = token.claim("acr", json!(SECOND_FACTOR)).claim("auth_time", json!(now()));
        let approved = ["7", "8"].map(|invoice| json!({ "type": "refund", "invoice": invoice, "amount": 100 }));
        let token = token.claim("authorization_details", json!(approved));
        token.claim("cnf", json!({ "x5t#S256": self.planner.thumbprint }))
    }

    pub(crate) fn sign(&self, token: &TokenBuilder) -> Result<String, Fault> {
        Ok(token.sign(&self.key)?)
    }

    /// A token that says `alg`, signed by whoever can make bytes of a signature.
    pub(crate) fn with_algorithm(&self, alg: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
        let header = json!({ "typ": "at+jwt", "alg": alg, "kid": self.key.kid() });
        let input = format!("{}.{}", segment(&header), segment(&self.token().claims()));
        let signature = URL_SAFE_NO_PAD.encode(sign(input.as_bytes()));
        format!("{input}.{signature}")
    }

    /// The issuer's public key as one point, `04 x y` (SEC 1 section 2.3.3): what anybody can read at its JWKS.
    pub(crate) fn public_key(&self) -> Result<Vec<u8>, Fault> {
        let coordinate = |name: &str| {
            let text = self.key.jwk().get(name).and_then(Value::as_str).ok_or("not an EC key")?;
            URL_SAFE_NO_PAD.decode(text).map_err(Fault::from)
        };
        Ok([vec![4], coordinate("x")?, coordinate("y")?].concat())
    }
}

impl Holder {
    fn of(mesh: &Mesh, workload: Workload) -> Result<Self, Fault> {
        Ok(Self { key: SigningKey::generate(Algorithm::ES256)?, thumbprint: mesh.folder.thumbprint(workload)? })
    }
}

/// What a token says, whoever signed it.
pub(crate) fn claims(token: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?).ok()
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn segment(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
