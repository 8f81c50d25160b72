//! Where a caller that knows nothing learns what to bring: the challenge names the metadata, the metadata the issuer.

use super::expected::{Expected, refused_plainly};
use super::row::{Credential, Row};

const METADATA: &str = "/.well-known/oauth-protected-resource";

pub(super) fn rows() -> Vec<Row> {
    const TOLD: &[(&str, &str)] =
        &[("resource_metadata", "https://invoices.demo.local/.well-known/oauth-protected-resource")];
    vec![
        Row::new("a call without a token", refused_plainly(401, "credential_missing").telling(TOLD))
            .credential(Credential::None),
        Row::new("the metadata that the challenge names", Expected::Described)
            .credential(Credential::None)
            .call("GET", METADATA),
        Row::new("the same, to be changed", refused_plainly(403, "route_unknown"))
            .credential(Credential::None)
            .call("PUT", METADATA),
    ]
}
