//! Whose connection the token comes over.

use super::expected::{Expected, refused};
use super::row::{Caller, Door, Row};
use crate::names::Workload;

pub(super) fn rows() -> Vec<Row> {
    let other = |reason| refused(401, "invalid_token", reason);
    vec![
        Row::new("the researcher's token, stolen by the planner", other("caller_not_actor")).from(Workload::Planner),
        Row::new("the same, stolen by invoices itself", other("caller_not_actor")).from(Workload::Invoices),
        Row::new("alice's token for the console, used by the researcher", other("caller_not_actor"))
            .to(Door::Planner)
            .call("POST", "/plan")
            .token(|token| {
                let token = token.audiences([Workload::Planner.audience()]).client_id("console");
                token.scope("plan:run").without_claim("act")
            }),
        Row::new("a token whose client is no agent here", other("caller_unbound"))
            .to(Door::Planner)
            .from(Workload::Console)
            .call("POST", "/plan")
            .token(|token| {
                let token = token.audiences([Workload::Planner.audience()]).client_id("mallory");
                token.scope("plan:run").without_claim("act")
            }),
        Row::new("no client certificate", Expected::Tls("CertificateRequired")).caller(Caller::WithoutCertificate),
        Row::new("the planner's name, signed by a stranger's CA", Expected::Tls("CertificateUnknown"))
            .caller(Caller::Stranger),
    ]
}
