//! Tokens that are bound to their sender, in the right hands and in others: by a key (`DPoP`), and by a certificate.

use hopgate::dev::mint::TokenBuilder;
use hopgate::dev::proof::ProofBuilder;
use serde_json::json;

use super::expected::{allowed, refused};
use super::mint::now;
use super::row::{Caller, Credential, Proof, Row, Token};
use crate::names::Workload;

const BOUND: Token = Token::KeyBound(|token| token);

pub(super) fn key_rows() -> Vec<Row> {
    let proof = |reason| refused(401, "invalid_dpop_proof", reason);
    let token = |reason| refused(401, "invalid_token", reason);
    let nonce = |reason| refused(401, "use_dpop_nonce", reason);
    let with = |tried, expected, change: fn(ProofBuilder) -> ProofBuilder| {
        dpop(Row::new(tried, expected), BOUND, Proof::By(Workload::Researcher, change))
    };
    vec![
        with("a proof without a nonce", nonce("proof_nonce_required"), |proof| proof.without_claim("nonce")),
        dpop(
            Row::new("the same token, a proof with the nonce that it was given", allowed(&[])),
            Token::Same,
            Proof::By(Workload::Researcher, |proof| proof),
        ),
        dpop(Row::new("the same proof again", proof("proof_replayed")), Token::Same, Proof::Same),
        Row::new("the token stolen, as Bearer", token("bound_token_as_bearer"))
            .credential(Credential::Bearer(Token::Same)),
        dpop(Row::new("the token stolen, no proof", proof("proof_missing")), Token::Same, Proof::None),
        dpop(
            Row::new("the token stolen, a proof by the planner's key", token("proof_key_mismatch")),
            Token::Same,
            Proof::By(Workload::Planner, |proof| proof),
        ),
        with("a proof for another URL", proof("proof_target_mismatch"), |proof| {
            proof.claim("htu", json!("https://invoices.demo.local/invoices/7"))
        }),
        with("a proof for another method", proof("proof_method_mismatch"), |proof| proof.claim("htm", json!("POST"))),
        // The `ath` of RFC 9449's own example.
        with("a proof beside another token", proof("proof_token_mismatch"), |proof| {
            proof.claim("ath", json!("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"))
        }),
        with("a proof of ten minutes ago", proof("proof_expired"), |proof| {
            proof.claim("iat", json!(now().saturating_sub(600)))
        }),
        with("a nonce that nobody gave", nonce("proof_nonce_invalid"), |proof| proof.nonce("eyJ7S_zG.eyJH0-Z.HX4w-7v")),
        dpop(
            Row::new("a token that is bound to nothing, with a proof", token("token_not_bound")),
            Token::Signed(|token| token),
            Proof::By(Workload::Researcher, |proof| proof),
        ),
    ]
}

pub(super) fn certificate_rows() -> Vec<Row> {
    let invalid = |reason| refused(401, "invalid_token", reason);
    let bound = |row: Row, change: fn(TokenBuilder) -> TokenBuilder| {
        row.credential(Credential::Bearer(Token::CertificateBound(change)))
    };
    vec![
        bound(Row::new("bound to the researcher's certificate, sent by it", allowed(&[])), |token| token),
        Row::new("the same token, sent by another pod of the researcher", invalid("certificate_mismatch"))
            .caller(Caller::Replica)
            .credential(Credential::Bearer(Token::Same)),
        Row::new("the same token, stolen by the planner", invalid("caller_not_actor"))
            .from(Workload::Planner)
            .credential(Credential::Bearer(Token::Same)),
        bound(
            Row::new("the planner's token, bound to the researcher's certificate", invalid("certificate_mismatch"))
                .from(Workload::Planner),
            |token| token.client_id("planner").actors(["planner"]),
        ),
        Row::new("a refund, by a token that is bound to nothing", invalid("sender_unconstrained"))
            .refund(|token| token.without_claim("cnf")),
    ]
}

fn dpop(row: Row, token: Token, proof: Proof) -> Row {
    row.credential(Credential::Dpop(token, proof))
}
