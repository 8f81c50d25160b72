//! The certificate of RFC 8705 appendix A.

pub(crate) const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n\
    MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx\n\
    ODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG\n\
    SM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ\n\
    /Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID\n\
    SQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV\n\
    bUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=\n\
    -----END CERTIFICATE-----\n";

/// What a token bound to it has as `x5t#S256`, by the same appendix.
pub(crate) const THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

/// What Envoy has as its `Hash` in `x-forwarded-client-cert`.
pub(crate) const XFCC_HASH: &str = "0380ed2f626650c840b2f263e6d2b29fae12ab39ae5db32b25ad27efad72e6fd";
