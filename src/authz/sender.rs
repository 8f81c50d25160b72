//! Check 9: whoever sends the token is the one it was issued to.
//!
//! A token bound to a key is proven by a DPoP proof (RFC 9449 section 7.1), one bound to a
//! certificate by the TLS connection it comes over (RFC 8705 section 3); one bound to both, by both.

use super::certificate;
use super::confirmation::{Confirmation, Thumbprint};
use super::credential::{Credential, Scheme};
use super::proof::{Call, Proof};
use super::reason::Reason;
use super::request::Request;
use super::snapshot::{Service, Snapshot};
use super::spiffe::SpiffeId;
use super::time::UnixTime;

/// One call, as this check needs to know it.
pub(super) struct Sent<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) path: &'a str,
    pub(super) credential: Credential<'a>,
}

/// The proof that is used up by this call, where there is one. `required`: a token bound to nobody is
/// refused.
pub(super) fn check(
    snapshot: &Snapshot,
    service: &Service,
    required: bool,
    confirmation: &Confirmation,
    sent: &Sent<'_>,
    peer: Option<&SpiffeId>,
    now: UnixTime,
) -> Result<Option<Proof>, Reason> {
    let (key, certificate) = match confirmation {
        Confirmation::Unsupported => return Err(Reason::BindingUnsupported),
        Confirmation::None => (None, None),
        Confirmation::Bound { key, certificate } => (*key, *certificate),
    };
    if let Some(bound_to) = certificate {
        check_certificate(snapshot, bound_to, sent.request, peer)?;
    }
    let proof = match (key, sent.credential.scheme) {
        // RFC 9449 section 7.2: "MUST reject" a bound token sent as Bearer.
        (Some(_), Scheme::Bearer) => return Err(Reason::BoundTokenAsBearer),
        (None, Scheme::Dpop) => return Err(Reason::TokenNotBound),
        (None, Scheme::Bearer) => None,
        (Some(bound_to), Scheme::Dpop) => Some(check_proof(snapshot, service, bound_to, sent, now)?),
    };
    if required && *confirmation == Confirmation::None {
        return Err(Reason::SenderUnconstrained);
    }
    Ok(proof)
}

fn check_certificate(
    snapshot: &Snapshot,
    bound_to: Thumbprint,
    request: &Request<'_>,
    peer: Option<&SpiffeId>,
) -> Result<(), Reason> {
    match certificate::of_caller(&snapshot.forwarded_certificates, request, peer) {
        None => Err(Reason::CertificateMissing),
        Some(shown) if shown == bound_to => Ok(()),
        Some(_) => Err(Reason::CertificateMismatch),
    }
}

fn check_proof(
    snapshot: &Snapshot,
    service: &Service,
    bound_to: Thumbprint,
    sent: &Sent<'_>,
    now: UnixTime,
) -> Result<Proof, Reason> {
    let targets: Vec<_> = service.external_urls.iter().filter_map(|base| base.join(sent.path)).collect();
    let call = Call { method: sent.request.method, targets: &targets, token: sent.credential.token };
    let proof = snapshot.proofs.check(sent.request.dpop, &call, now)?;
    if proof.key == bound_to { Ok(proof) } else { Err(Reason::ProofKeyMismatch) }
}
