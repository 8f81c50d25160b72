//! One thing that is tried, as data: who calls which door with what, and what must come of it.

use hopgate::dev::mint::TokenBuilder;
use hopgate::dev::proof::ProofBuilder;

use super::expected::Expected;
use super::mint::Mint;
use crate::Fault;
use crate::names::Workload;

pub(crate) struct Row {
    pub(crate) tried: &'static str,
    pub(crate) to: Door,
    pub(crate) caller: Caller,
    pub(crate) method: &'static str,
    /// As it goes over the wire.
    pub(crate) target: &'static str,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    /// Empty for none; JSON, unless a header says otherwise.
    pub(crate) body: Vec<u8>,
    /// HTTP/2 and gRPC's content type.
    pub(crate) grpc: bool,
    pub(crate) credential: Credential,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Planner,
    Researcher,
    Invoices,
    /// To invoices, past an Envoy that does not normalize paths.
    InvoicesRaw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// With its own certificate of the mesh.
    As(Workload),
    /// As the researcher, with the certificate of another pod of it.
    Replica,
    WithoutCertificate,
    /// With a certificate in the planner's name from a CA that the mesh does not know.
    Stranger,
}

/// How the token travels.
pub(crate) enum Credential {
    None,
    Bearer(Token),
    /// Two `authorization` headers.
    Twice(Token),
    /// `?access_token=`
    Query(Token),
    QueryAndBearer(Token),
    Basic,
    Dpop(Token, Proof),
}

pub(crate) enum Token {
    /// The token of the allowed chain at invoices, changed, and signed by the issuer.
    Signed(fn(TokenBuilder) -> TokenBuilder),
    /// The same, bound to the researcher's key.
    KeyBound(fn(TokenBuilder) -> TokenBuilder),
    /// The same, bound to the researcher's certificate.
    CertificateBound(fn(TokenBuilder) -> TokenBuilder),
    /// The planner's for a refund, with all that the route asks for.
    Refund(fn(TokenBuilder) -> TokenBuilder),
    /// What no issuer would make.
    Forged(fn(&Mint) -> Result<String, Fault>),
    /// The one of the row before.
    Same,
    /// Issued before invoices' hopgate was there.
    Early,
}

/// The `DPoP` proof beside a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Proof {
    None,
    /// For this call, by this agent's key and with the nonce that invoices gave last; then changed.
    By(Workload, fn(ProofBuilder) -> ProofBuilder),
    /// The one of the row before.
    Same,
}

impl Row {
    /// The researcher lists invoices, for the planner and alice, with the token that is right for it.
    pub(crate) const fn new(tried: &'static str, expected: Expected) -> Self {
        Self {
            tried,
            to: Door::Invoices,
            caller: Caller::As(Workload::Researcher),
            method: "GET",
            target: "/invoices",
            headers: Vec::new(),
            body: Vec::new(),
            grpc: false,
            credential: Credential::Bearer(Token::Signed(|token| token)),
            expected,
        }
    }

    /// Of its target, without the query.
    pub(crate) fn path(&self) -> &'static str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn to(mut self, door: Door) -> Self {
        self.to = door;
        self
    }

    pub(crate) fn caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    pub(crate) fn from(self, workload: Workload) -> Self {
        self.caller(Caller::As(workload))
    }

    pub(crate) fn call(mut self, method: &'static str, target: &'static str) -> Self {
        (self.method, self.target) = (method, target);
        self
    }

    pub(crate) fn headers(mut self, headers: &[(&'static str, &'static str)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn grpc(mut self, method: &'static str) -> Self {
        self.grpc = true;
        self.call("POST", method)
    }

    pub(crate) fn credential(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    pub(crate) fn token(self, change: fn(TokenBuilder) -> TokenBuilder) -> Self {
        self.credential(Credential::Bearer(Token::Signed(change)))
    }

    /// The planner calls for the refund that its token is for.
    pub(crate) fn refund(self, change: fn(TokenBuilder) -> TokenBuilder) -> Self {
        let call = self.from(Workload::Planner).call("POST", "/invoices/7/refund").body(r#"{"amount":100}"#);
        call.credential(Credential::Bearer(Token::Refund(change)))
    }

    pub(crate) fn forged(self, make: fn(&Mint) -> Result<String, Fault>) -> Self {
        self.credential(Credential::Bearer(Token::Forged(make)))
    }
}
