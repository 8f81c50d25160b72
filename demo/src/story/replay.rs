//! Tokens that open a route once.

use super::expected::{Sees, allowed, refused};
use super::row::{Credential, Row, Token};

pub(super) fn rows() -> Vec<Row> {
    let invalid = |reason| refused(401, "invalid_token", reason);
    let refunds = |tried, expected| Row::new(tried, expected).refund(|token| token);
    vec![
        refunds("a refund", allowed(&[Sees::Header("x-hopgate-route", "refund")])),
        refunds("the same token again", invalid("token_replayed")).credential(Credential::Bearer(Token::Same)),
        refunds("the same token, for another invoice", invalid("token_replayed"))
            .call("POST", "/invoices/8/refund")
            .credential(Credential::Bearer(Token::Same)),
        refunds("a new token", allowed(&[])),
        refunds("a token from before hopgate's start", invalid("token_predates_store"))
            .credential(Credential::Bearer(Token::Early)),
        refunds("a token without jti", invalid("claim_missing")).refund(|token| token.without_claim("jti")),
    ]
}
