//! The decision: may this agent do this, for this person, now?
//!
//! [`evaluate`] is a function of a [`Snapshot`], a [`Request`] and the time. Nothing in this
//! module waits, reads a clock, a file or the environment, or knows of Envoy; a test holds that.
//! The one memory it has, [`VerifiedTokens`], only saves repeating a signature check.
//!
//! The straight line: `request` → `path` → `route` → `credential` → `verified` (which
//! reads `jws`, `claims` and `keys`) → `lifetime` → `audience` → `revocation` → `protocol` → `delegation` →
//! `sender` (with `proof` and `certificate`) → `scopes` → `step_up` → `approval` → `policy` → a [`Permit`],
//! or a [`Claim`] to settle first.

#![deny(clippy::disallowed_methods)]

mod agents;
mod algorithm;
mod approval;
mod audience;
mod certificate;
mod claims;
mod client_type;
mod confirmation;
mod credential;
mod decision;
mod delegation;
mod json;
mod jws;
mod keys;
mod lifetime;
mod metadata;
mod nonce;
mod parameters;
mod path;
mod pattern;
mod policy;
mod proof;
mod protocol;
mod reason;
mod request;
mod revocation;
mod route;
mod rule;
mod scopes;
mod sender;
mod snapshot;
mod spiffe;
mod step_up;
mod target;
mod time;
mod verified;
mod walk;

pub use agents::{Agent, AgentIndex, Agents, Ceiling};
pub use algorithm::Algorithm;
pub use approval::{Approval, RESERVED_FIELDS};
pub use certificate::ForwardedCertificates;
pub use claims::{Act, Actor, Claims, Presence, ScopeClaim, Shape, is_scope_token};
pub use client_type::ClientType;
pub use confirmation::{Confirmation, Thumbprint};
pub use credential::Scheme;
pub use decision::{
    Claim, ClaimKey, Claimable, Claimed, Evaluation, Findings, Outcome, Pending, Permit, TokenSeen, Trail, Verdict,
};
pub use delegation::{Allowed, BindCaller, Delegation, Pair, PairSubject, PriorActors};
pub use json::{Object, parse_object};
pub use keys::{Ignored, KeySet, KeySetError};
pub use metadata::Metadata;
pub use nonce::NonceKey;
pub use parameters::{Argument, Source, ValueKind};
pub use path::{Ambiguous, CanonicalPath};
pub use pattern::{PatternError, Patterns};
pub use policy::{Judgement, Policies, PolicyFault, PolicySchema, PolicySources, SchemaError};
pub use proof::ProofRules;
pub use protocol::{A2a, Mcp, Operation, Protocol, RequestId, Speaks, a2a, mcp};
pub use reason::{Answer, Check, Reason};
pub use request::{Body, Field, ProtocolHeaders, Request};
pub use revocation::{Revocation, Revocations};
pub use route::{Place, Route, RouteConflict, Routes};
pub use rule::Rule;
pub use snapshot::{Enforcement, Issuer, MAX_CLOCK_SKEW, Mode, Service, Services, Snapshot};
pub use spiffe::SpiffeId;
pub use step_up::StepUp;
pub use target::TargetUrl;
pub use time::UnixTime;
pub use verified::{TokenDigest, VerifiedToken, VerifiedTokens};
pub use walk::evaluate;
