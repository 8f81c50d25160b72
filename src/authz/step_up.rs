//! Check 11: the person was authenticated well enough, and not too long ago (RFC 9470).

use std::time::Duration;

use super::claims::Claims;
use super::reason::Reason;
use super::time::UnixTime;

/// What a route asks of the authentication behind a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// One of these must be the token's `acr`. Levels have no order of their own, so all that
    /// suffice are listed, the preferred first; empty if any will do.
    pub acr_values: Vec<Box<str>>,
    /// Longest time since `auth_time`.
    pub max_age: Option<Duration>,
}

/// A token that does not say how or when is not good enough. `skew` is the issuer's.
pub(super) fn check(rule: &StepUp, claims: &Claims, skew: Duration, now: UnixTime) -> Result<(), Reason> {
    let acr = claims.acr.as_ref();
    if !rule.acr_values.is_empty() && !acr.is_some_and(|acr| rule.acr_values.contains(acr)) {
        return Err(Reason::AcrInsufficient);
    }
    let Some(max_age) = rule.max_age else { return Ok(()) };
    match claims.auth_time {
        Some(at) if at <= now.after(skew) && now <= at.after(max_age).after(skew) => Ok(()),
        Some(_) | None => Err(Reason::AuthenticationTooOld),
    }
}
