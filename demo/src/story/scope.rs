//! What the token allows, and how far an agent may ever reach.

use super::expected::{Sees, allowed, refused};
use super::row::Row;

pub(super) fn rows() -> Vec<Row> {
    let insufficient = |reason| refused(403, "insufficient_scope", reason);
    vec![
        Row::new("the token lacks the scope", insufficient("scope_missing"))
            .refund(|token| token.scope("invoices:read")),
        Row::new("the token has no scopes", insufficient("scope_missing")).token(|token| token.scope("")),
        Row::new("a scope that only starts alike", insufficient("scope_missing"))
            .token(|token| token.scope("invoices:readonly")),
        Row::new("export for the planner, above its ceiling", insufficient("scope_above_ceiling"))
            .call("GET", "/invoices/export")
            .token(|token| token.scope("invoices:export")),
        Row::new("export for the researcher alone", allowed(&[Sees::Header("x-hopgate-route", "export")]))
            .call("GET", "/invoices/export")
            .token(|token| token.scope("invoices:export").actors(["researcher"])),
    ]
}
