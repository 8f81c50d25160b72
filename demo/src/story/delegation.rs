//! Chains of actors that no operator meant to allow.

use hopgate::dev::mint::TokenBuilder;
use serde_json::json;

use super::expected::refused;
use super::row::{Door, Row};
use crate::names::Workload;

pub(super) fn rows() -> Vec<Row> {
    let unauthorized = |reason| refused(403, "actor_unauthorized", reason);
    let invalid = |reason| refused(401, "invalid_token", reason);
    vec![
        Row::new("no actor where one is required", invalid("actor_required")).token(|token| token.without_claim("act")),
        Row::new("act is a string", invalid("act_malformed")).token(|token| token.claim("act", json!("researcher"))),
        Row::new("act within act is a list", invalid("act_malformed"))
            .token(|token| token.claim("act", json!({ "sub": "researcher", "act": [] }))),
        Row::new("three actors, two are allowed", unauthorized("depth_exceeded"))
            .token(|token| token.actors(["researcher", "planner", "console"])),
        Row::new("a hundred actors", unauthorized("depth_exceeded")).token(|token| many(token, 100)),
        // JSON may nest 128 deep; what is deeper is not read at all.
        Row::new("two hundred actors", invalid("token_malformed")).token(|token| many(token, 200)),
        Row::new("an unknown agent acts", unauthorized("actor_not_allowed")).token(|token| token.actors(["mallory"])),
        Row::new("an unknown agent acted before", unauthorized("prior_actor_not_allowed"))
            .token(|token| token.actors(["researcher", "mallory"])),
        Row::new("a known agent in a place that is not its own", unauthorized("prior_actor_not_allowed"))
            .token(|token| token.actors(["planner", "researcher"])),
        Row::new("the planner for the planner", unauthorized("actor_repeated"))
            .token(|token| token.actors(["planner", "planner"])),
        Row::new("the call comes back to the researcher", unauthorized("service_in_chain"))
            .to(Door::Researcher)
            .from(Workload::Planner)
            .call("POST", "/research")
            .token(|token| {
                let token = token.audiences([Workload::Researcher.audience()]).client_id("planner");
                token.scope("research:run").actors(["planner", "researcher"])
            }),
        Row::new("an agent at the planner, where people come alone", unauthorized("depth_exceeded"))
            .to(Door::Planner)
            .call("POST", "/plan")
            .token(|token| token.audiences([Workload::Planner.audience()]).scope("plan:run").actors(["researcher"])),
        Row::new("bob, for whom the planner may not refund", unauthorized("pair_not_allowed"))
            .refund(|token| token.claim("sub", json!("bob"))),
    ]
}

fn many(token: TokenBuilder, actors: usize) -> TokenBuilder {
    token.actors((0..actors).map(|at| format!("a{at}")))
}
