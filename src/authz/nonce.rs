//! Server nonces for DPoP proofs (RFC 9449 sections 8 and 9): made of the time and a key, so that
//! nothing needs to be remembered.
//!
//! A nonce is base64url of its time (8 bytes) and the first 16 bytes of an HMAC-SHA256 over it.
//! Whoever has no key can't foresee one; one made by a replica with the same key is as good.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::time::UnixTime;

const TIME: usize = 8;
const TAG: usize = 16;

/// The key of this hopgate's nonces.
pub struct NonceKey(hmac::Key);

impl NonceKey {
    /// A key from at least 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The nonce of the instant `now`.
    #[must_use]
    pub fn mint(&self, now: UnixTime) -> String {
        let time = now.as_secs().to_be_bytes();
        let mut bytes = Vec::with_capacity(TIME.saturating_add(TAG));
        bytes.extend_from_slice(&time);
        bytes.extend(hmac::sign(&self.0, &time).as_ref().iter().take(TAG));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// When `nonce` was made, if it was made with this key and not longer than `lifetime` ago. Its
    /// time is our own clock's, or a replica's; `skew` is how far that may be ahead.
    #[must_use]
    pub(super) fn made_at(&self, nonce: &str, now: UnixTime, lifetime: Duration, skew: Duration) -> Option<UnixTime> {
        let bytes = URL_SAFE_NO_PAD.decode(Some(nonce).filter(|nonce| nonce.len() == 32)?).ok()?;
        let (time, tag) = bytes.split_first_chunk::<TIME>()?;
        let expected = hmac::sign(&self.0, time);
        constant_time::verify_slices_are_equal(tag, expected.as_ref().get(..TAG)?).ok()?;
        let made_at = UnixTime::from_secs(i64::from_be_bytes(*time));
        (made_at <= now.after(skew) && now < made_at.after(lifetime)).then_some(made_at)
    }
}

/// Never the key.
impl fmt::Debug for NonceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NonceKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(300);
    const SKEW: Duration = Duration::from_secs(5);

    fn at(secs: i64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn a_nonce_is_good_for_its_lifetime_and_only_under_its_key() {
        let key = NonceKey::new(&[7; 32]);
        let nonce = key.mint(at(1000));
        assert_eq!(key.made_at(&nonce, at(1000), LIFETIME, SKEW), Some(at(1000)));
        assert_eq!(key.made_at(&nonce, at(1299), LIFETIME, SKEW), Some(at(1000)));
        assert_eq!(key.made_at(&nonce, at(1300), LIFETIME, SKEW), None);
        assert_eq!(key.made_at(&nonce, at(995), LIFETIME, SKEW), Some(at(1000)));
        assert_eq!(key.made_at(&nonce, at(994), LIFETIME, SKEW), None);
        assert_eq!(NonceKey::new(&[8; 32]).made_at(&nonce, at(1000), LIFETIME, SKEW), None);
        assert_ne!(nonce, key.mint(at(1001)), "it rotates");
    }

    #[test]
    fn a_changed_or_strange_nonce_is_none() {
        let key = NonceKey::new(&[7; 32]);
        let nonce = key.mint(at(1000));
        for at_byte in 0..nonce.len() {
            let mut changed = nonce.clone().into_bytes();
            if let Some(byte) = changed.get_mut(at_byte) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let changed = String::from_utf8_lossy(&changed).into_owned();
            if changed != nonce {
                assert_eq!(key.made_at(&changed, at(1000), LIFETIME, SKEW), None, "{at_byte}");
            }
        }
        for strange in ["", "x", "eyJ7S_zG.eyJH0-Z.HX4w-7v", &nonce.repeat(2), &format!("{nonce}=")] {
            assert_eq!(key.made_at(strange, at(1000), LIFETIME, SKEW), None, "{strange}");
        }
    }
}
