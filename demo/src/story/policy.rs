//! What `demo/config/invoices.cedar` decides by the request itself, and who may call at all by what kind of client it is.

use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use super::expected::{Sees, allowed, refused, refused_by};
use super::mcp;
use super::row::Row;
use crate::names::Workload;

pub(super) fn rows() -> Vec<Row> {
    let delete = |row: Row| mcp::tool(row, "delete_invoice", &json!({ "id": "7" }));
    let dispute = |row: Row| row.call("POST", "/invoices/7/dispute");
    vec![
        Row::new("alice approved a refund of 1500", refused_by("no-refund-above-1000"))
            .refund(|token| approved(token, 1500))
            .body(r#"{"amount":1500}"#),
        Row::new("alice approved a refund of 1000", allowed(&[Sees::Header("x-hopgate-route", "refund")]))
            .refund(|token| approved(token, 1000))
            .body(r#"{"amount":1000}"#),
        delete(
            Row::new("the planner deletes for bob, who is not in finance", refused_by("destructive-is-for-finance"))
                .refund(|token| token.claim("sub", json!("bob")).scope("invoices:read invoices:delete")),
        ),
        delete(
            Row::new("the same for alice, who is", allowed(&[Sees::Header("x-hopgate-subject", "alice")]))
                .refund(|token| token.scope("invoices:read invoices:delete")),
        ),
        dispute(Row::new("alice disputes an invoice at the console", allowed(&[Sees::No("x-hopgate-actor")])))
            .from(Workload::Console)
            .token(|token| token.client_id("console").without_claim("act").scope("invoices:dispute")),
        dispute(Row::new("an agent does, for her", refused(403, "actor_unauthorized", "client_type_not_allowed")))
            .token(|token| token.scope("invoices:dispute")),
    ]
}

fn approved(token: TokenBuilder, amount: u32) -> TokenBuilder {
    let details = json!([{ "type": "refund", "invoice": "7", "amount": amount }]);
    token.claim("authorization_details", details)
}
