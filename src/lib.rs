//! hopgate decides, at every hop of an agent-to-agent call, whether this agent may do this thing
//! for this person, now. It answers Envoy's external authorization.
//!
//! ```text
//! Envoy ── CheckRequest ──▶ envoy::decode ─▶ authz::evaluate ─▶ replay ─▶ audit ─▶ envoy::encode ──▶ Envoy
//!                           facts            a pure function    claim     record    allow or deny
//! ```
//!
//! [`authz`] is the decision, a function of a snapshot, a request and the time; it imports nothing
//! of ours. Around it: [`config`] makes the snapshot's settings, [`jwks`] its keys, [`live`] holds
//! the one in force, [`reload`] swaps it; [`replay`] and [`audit`] remember; [`envoy`] speaks with
//! Envoy; [`server`] puts it all together; [`cli`] is the command line; [`offline`] decides without Envoy, for
//! `explain` and for the [`tables`] of `test`. Apart from all that, [`inject`] gives pods a hopgate, [`watch`] shows
//! decisions as they happen, [`otlp`] sends them on, and [`logs`] reads the records back. [`dev`] is for trying
//! hopgate out and never for production.

pub mod admin;
pub mod audit;
pub mod authz;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dev;
pub mod envoy;
pub mod inject;
pub mod jwks;
mod kill_switch;
pub mod lint;
pub mod listener;
pub mod live;
pub mod logs;
pub mod metrics;
pub mod offline;
pub mod otlp;
pub mod readiness;
pub mod reload;
pub mod replay;
pub mod server;
pub mod tables;
pub mod telemetry;
mod tls;
pub mod watch;
