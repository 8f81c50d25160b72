//! The times of a token, checked on every request.

use std::time::Duration;

use super::claims::Claims;
use super::reason::Reason;
use super::snapshot::Issuer;
use super::time::UnixTime;

/// The last part of check 4.
pub(super) fn check(issuer: &Issuer, claims: &Claims, now: UnixTime) -> Result<(), Reason> {
    let skew = issuer.clock_skew;
    // RFC 7519 section 4.1.4: "on or after which the JWT MUST NOT be accepted".
    if now >= claims.expires_at.after(skew) {
        return Err(Reason::TokenExpired);
    }
    // RFC 7519 section 4.1.5: "before which the JWT MUST NOT be accepted".
    if claims.not_before.is_some_and(|not_before| now < not_before.before(skew)) {
        return Err(Reason::TokenNotYetValid);
    }
    let Some(issued_at) = claims.issued_at else {
        // Only where the operator lets an issuer omit it. What is left of the lifetime still counts.
        let left = claims.expires_at.since(now);
        return if left > issuer.max_lifetime.saturating_add(skew) { Err(Reason::LifetimeTooLong) } else { Ok(()) };
    };
    if issued_at > now.after(skew) {
        return Err(Reason::TokenFromFuture);
    }
    // A token that expires before it was issued was made by mistake or to confuse.
    if claims.expires_at <= issued_at {
        return Err(Reason::ClaimMalformed);
    }
    if claims.expires_at.since(issued_at) > issuer.max_lifetime {
        return Err(Reason::LifetimeTooLong);
    }
    Ok(())
}

/// What a route adds: a token that was issued long ago does not open it, however long it lives.
pub(super) fn check_age(
    issuer: &Issuer,
    max_token_age: Option<Duration>,
    claims: &Claims,
    now: UnixTime,
) -> Result<(), Reason> {
    let Some(max_age) = max_token_age else { return Ok(()) };
    match claims.issued_at {
        Some(issued_at) if now <= issued_at.after(max_age).after(issuer.clock_skew) => Ok(()),
        Some(_) | None => Err(Reason::TokenTooOld),
    }
}
