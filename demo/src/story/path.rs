//! Paths with a second meaning: at an Envoy that normalizes, and at one that hands on what came.

use super::expected::{Expected, Sees, allowed, no_route_to, refused};
use super::row::{Door, Row};

pub(super) fn rows() -> Vec<Row> {
    let ambiguous = || refused(400, "invalid_request", "path_ambiguous");
    let raw = |tried, target| Row::new(tried, ambiguous()).to(Door::InvoicesRaw).call("GET", target);
    vec![
        Row::new("/invoices/../admin", no_route_to("/admin")).call("GET", "/invoices/../admin"),
        raw("the same, Envoy not normalizing", "/invoices/../admin"),
        Row::new("/invoices/%2e%2e/admin", no_route_to("/admin")).call("GET", "/invoices/%2e%2e/admin"),
        raw("the same, Envoy not normalizing", "/invoices/%2e%2e/admin"),
        // hopgate and the service are shown the same path, the one that Envoy made of it.
        Row::new("//invoices", allowed(&[Sees::Path("/invoices")])).call("GET", "//invoices"),
        raw("the same, Envoy not normalizing", "//invoices"),
        Row::new("/invoices%2f1", Expected::ByEnvoy(400)).call("GET", "/invoices%2f1"),
        raw("the same, Envoy not normalizing", "/invoices%2f1"),
        raw("/invoices;/../admin, Envoy not normalizing", "/invoices;/../admin"),
        raw("/%69nvoices, Envoy not normalizing", "/%69nvoices"),
        Row::new("a plain path, Envoy not normalizing", allowed(&[Sees::Path("/invoices/7")]))
            .to(Door::InvoicesRaw)
            .call("GET", "/invoices/7"),
    ]
}
