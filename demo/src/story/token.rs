//! Tokens that are old, forged, dressed up, or for somebody else.

use std::time::Duration;

use aws_lc_rs::hmac;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::expected::{allowed, refused};
use super::mint::{Mint, now};
use super::row::Row;
use crate::names::Workload;

pub(super) fn rows() -> Vec<Row> {
    let invalid = |reason| refused(401, "invalid_token", reason);
    vec![
        Row::new("expired", invalid("token_expired")).token(|token| token.issued_at(now().saturating_sub(600))),
        Row::new("issued in an hour", invalid("token_from_future"))
            .token(|token| token.issued_at(now().saturating_add(3600))),
        Row::new("good for a day, the limit is 15 minutes", invalid("lifetime_too_long"))
            .token(|token| token.lifetime(Duration::from_secs(86_400))),
        Row::new("from another issuer", invalid("issuer_unknown"))
            .token(|token| token.claim("iss", json!("https://issuer.example"))),
        Row::new("signed with another key, under the issuer's kid", invalid("signature_invalid"))
            .forged(|mint| Ok(mint.token().sign(&stolen_name(mint)?)?)),
        Row::new("signed with another key, its kid unknown", invalid("key_unknown"))
            .forged(|mint| Ok(mint.token().sign(&SigningKey::generate(Algorithm::ES256)?)?)),
        Row::new("claims changed after signing", invalid("signature_invalid")).forged(tampered),
        Row::new("alg none, no signature", invalid("algorithm_not_allowed"))
            .forged(|mint| Ok(mint.with_algorithm("none", |_| Vec::new()))),
        Row::new("alg none, some signature", invalid("algorithm_not_allowed"))
            .forged(|mint| Ok(mint.with_algorithm("none", |_| vec![0; 64]))),
        Row::new("HS256, the public key as its secret", invalid("algorithm_not_allowed")).forged(|mint| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &mint.public_key()?);
            Ok(mint.with_algorithm("HS256", |input| hmac::sign(&secret, input).as_ref().to_vec()))
        }),
        Row::new("RS256 in the header, the key is EC", invalid("algorithm_not_allowed"))
            .token(|token| token.header("alg", json!("RS256"))),
        Row::new("EdDSA in the header, the key is EC", invalid("algorithm_not_of_key"))
            .token(|token| token.header("alg", json!("EdDSA"))),
        Row::new("an id token (typ: JWT)", invalid("token_type_wrong"))
            .token(|token| token.header("typ", json!("JWT"))),
        Row::new("crit: an extension nobody knows", invalid("token_extended"))
            .token(|token| token.header("crit", json!(["x"])).header("x", json!(1))),
        Row::new("the forger's key in the header (jwk)", invalid("signature_invalid")).forged(|mint| {
            let key = stolen_name(mint)?;
            Ok(mint.token().header("jwk", key.jwk().clone()).sign(&key)?)
        }),
        Row::new("sub twice", invalid("token_malformed")).forged(|mint| {
            let (header, claims) = (mint.token().header_for(&mint.key).to_string(), mint.token().claims().to_string());
            let twice = claims.replacen('{', r#"{"sub":"root","#, 1);
            Ok(mint.key.sign_raw(header.as_bytes(), twice.as_bytes())?)
        }),
        Row::new("bound to what can't be a key (cnf)", invalid("binding_unsupported"))
            .token(|token| token.claim("cnf", json!({ "jkt": "x" }))),
        Row::new("not a token at all", invalid("token_malformed")).forged(|_| Ok("invoices".to_owned())),
    ]
}

pub(super) fn audience_rows() -> Vec<Row> {
    let wrong = || refused(401, "invalid_token", "audience_mismatch");
    let researcher = |token: TokenBuilder| token.audiences([Workload::Researcher.audience()]);
    vec![
        Row::new("a token for the researcher, replayed at invoices", wrong()).token(researcher),
        Row::new("an audience that only starts alike", wrong())
            .token(|token| token.audiences([format!("{}.evil.example", Workload::Invoices.audience())])),
        Row::new("for invoices and for another", allowed(&[]))
            .token(|token| token.audiences([Workload::Invoices.audience(), Workload::Researcher.audience()])),
    ]
}

/// Another key that claims to be the issuer's.
fn stolen_name(mint: &Mint) -> Result<SigningKey, crate::Fault> {
    Ok(SigningKey::generate(Algorithm::ES256)?.with_kid(mint.key.kid()))
}

/// The signature of one token under the claims of another.
fn tampered(mint: &Mint) -> Result<String, crate::Fault> {
    let (signed, wanted) =
        (mint.sign(&mint.token())?, mint.sign(&mint.token().scope("invoices:read invoices:export"))?);
    let (Some((input, _)), Some((_, signature))) = (wanted.rsplit_once('.'), signed.rsplit_once('.')) else {
        return Err("a token without dots".into());
    };
    Ok(format!("{input}.{signature}"))
}
