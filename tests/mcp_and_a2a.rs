//! hopgate between clients and servers of MCP and A2A that we did not write, behind a real Envoy.
//!
//! Neither side knows of hopgate: what counts here is what the client's own library reports; see `testbed/agents`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

mod mcp_and_a2a {
    mod a2a;
    mod mcp;
    mod stage;
}
