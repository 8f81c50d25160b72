//! Check 5: the token was issued for this service.

use super::claims::Claims;
use super::reason::Reason;
use super::snapshot::Service;

/// RFC 9068 section 4: `aud` must contain "a resource indicator value corresponding to an
/// identifier the resource server expects for itself". Compared code point by code point.
pub(super) fn check(service: &Service, claims: &Claims) -> Result<(), Reason> {
    if !claims.audience.iter().any(|audience| service.audiences.contains(audience)) {
        return Err(Reason::AudienceMismatch);
    }
    // RFC 8707 section 3: a token for several services can be replayed by one at another.
    if service.single_audience && claims.audience.len() > 1 {
        return Err(Reason::AudienceNotSingle);
    }
    Ok(())
}
