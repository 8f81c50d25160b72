//! How the call is written: method, headers, and where the token stands.

use super::expected::{Sees, allowed, refused, refused_plainly};
use super::row::{Credential, Row, Token};

const RIGHT: Token = Token::Signed(|token| token);

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("no token", refused_plainly(401, "credential_missing")).credential(Credential::None),
        Row::new("a password instead", refused_plainly(401, "scheme_unsupported")).credential(Credential::Basic),
        Row::new("two authorization headers", refused(400, "invalid_request", "header_repeated"))
            .credential(Credential::Twice(RIGHT)),
        Row::new("the token in the query", refused_plainly(401, "credential_missing"))
            .credential(Credential::Query(RIGHT)),
        Row::new("the token in the query and in the header", refused(400, "invalid_request", "credential_twice"))
            .credential(Credential::QueryAndBearer(RIGHT)),
        Row::new("a method that is not allowed", refused_plainly(403, "route_unknown")).call("DELETE", "/invoices"),
        Row::new(
            "a forged x-hopgate-subject header",
            allowed(&[Sees::Header("x-hopgate-subject", "alice"), Sees::No("authorization")]),
        )
        .headers(&[("x-hopgate-subject", "root")]),
        Row::new(
            "the same, in other spellings and invented",
            allowed(&[
                Sees::Header("x-hopgate-actor-chain", "researcher,planner"),
                Sees::No("x_hopgate_subject"),
                Sees::No("x-hopgate-admin"),
            ]),
        )
        .headers(&[
            ("x-hopgate-actor-chain", "root"),
            ("x_hopgate_subject", "root"),
            ("x-hopgate-admin", "true"),
        ]),
    ]
}
