//! What a token is bound to: the `cnf` claim (RFC 7800), as DPoP (RFC 9449 section 6.1) and mTLS
//! (RFC 8705 section 3.1) write it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A SHA-256 thumbprint, of a JWK (RFC 7638) or of a certificate's DER.
pub type Thumbprint = [u8; 32];

/// How a token is bound to whoever may use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// A bearer token: whoever has it may use it.
    None,
    /// Bound; at least one of the two is there, and what is there must be proven.
    Bound {
        /// `jkt`: the key that signs the DPoP proofs.
        key: Option<Thumbprint>,
        /// `x5t#S256`: the certificate of the mTLS client.
        certificate: Option<Thumbprint>,
    },
    /// There is a `cnf`, and not all of it can be checked here. Dropping a part would drop a binding.
    Unsupported,
}

impl Confirmation {
    pub(super) fn read(cnf: Option<&Value>) -> Self {
        let Some(cnf) = cnf else { return Self::None };
        let Some(members) = cnf.as_object().filter(|members| !members.is_empty()) else {
            return Self::Unsupported;
        };
        let (mut key, mut certificate) = (None, None);
        for (name, value) in members {
            let Some(thumbprint) = value.as_str().and_then(thumbprint) else { return Self::Unsupported };
            match name.as_str() {
                "jkt" => key = Some(thumbprint),
                "x5t#S256" => certificate = Some(thumbprint),
                _ => return Self::Unsupported,
            }
        }
        Self::Bound { key, certificate }
    }

    /// The names of what the token is bound to, for the record.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let (key, certificate) = match self {
            Self::Bound { key, certificate } => (key.is_some(), certificate.is_some()),
            Self::None | Self::Unsupported => (false, false),
        };
        [(key, "dpop"), (certificate, "mtls")].into_iter().filter_map(|(there, name)| there.then_some(name))
    }
}

/// base64url of exactly 32 bytes, in its one spelling.
pub(super) fn thumbprint(text: &str) -> Option<Thumbprint> {
    // A longer text would be decoded only to be refused.
    URL_SAFE_NO_PAD.decode(Some(text).filter(|text| text.len() == 43)?).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

    #[test]
    fn bindings_that_can_be_checked_are_read() {
        let print = thumbprint(PRINT);
        assert!(print.is_some());
        assert_eq!(Confirmation::read(None), Confirmation::None);
        for (cnf, key, certificate) in [
            (json!({ "jkt": PRINT }), print, None),
            (json!({ "x5t#S256": PRINT }), None, print),
            (json!({ "jkt": PRINT, "x5t#S256": PRINT }), print, print),
        ] {
            assert_eq!(Confirmation::read(Some(&cnf)), Confirmation::Bound { key, certificate }, "{cnf}");
        }
    }

    #[test]
    fn a_binding_that_can_not_be_checked_whole_is_unsupported() {
        for cnf in [
            json!(null),
            json!("x"),
            json!([]),
            json!({}),
            json!({ "jkt": null }),
            json!({ "jkt": 7 }),
            json!({ "jkt": "" }),
            json!({ "jkt": format!("{PRINT}=") }),
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4J" }),
            json!({ "jkt": "0ZcOCORZNYy+DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
            json!({ "JKT": PRINT }),
            json!({ "kid": "x" }),
            json!({ "jwk": {} }),
            json!({ "jkt": PRINT, "jwk": {} }),
            json!({ "jkt": PRINT, "x5t": PRINT }),
        ] {
            assert_eq!(Confirmation::read(Some(&cnf)), Confirmation::Unsupported, "{cnf}");
        }
    }
}
