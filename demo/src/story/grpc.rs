//! Callers that speak gRPC are refused in gRPC.

use super::expected::{Expected, Sees, allowed};
use super::row::{Credential, Row};

const LIST: &str = "/demo.v1.Invoices/List";

pub(super) fn rows() -> Vec<Row> {
    let refused = |code, error, reason| Expected::RefusedGrpc { code, error, reason };
    vec![
        // The echo behind is no gRPC server; that the call reached it is what counts.
        Row::new("the right token", allowed(&[Sees::Header("x-hopgate-route", "grpc-list")])).grpc(LIST),
        Row::new("no token", refused(16, None, "credential_missing")).grpc(LIST).credential(Credential::None),
        Row::new("a token without the scope", refused(7, Some("insufficient_scope"), "scope_missing"))
            .grpc(LIST)
            .token(|token| token.scope("")),
        Row::new("a method that is not allowed", refused(7, None, "route_unknown")).grpc("/demo.v1.Invoices/Delete"),
        Row::new("two authorization headers", refused(3, Some("invalid_request"), "header_repeated"))
            .grpc(LIST)
            .credential(Credential::Twice(super::row::Token::Signed(|token| token))),
    ]
}
