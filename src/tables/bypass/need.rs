//! What a bypass needs in order to say something.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::run::Bench;
use super::good::Good;
use super::mutate;
use crate::authz::{PriorActors, Protocol};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Need {
    /// An actor in the good call.
    Actor,
    ActorRequired,
    PriorActorsLimited,
    BoundCaller,
    ServiceAgent,
    SingleAudience,
    SeveralIssuers,
    SeveralServices,
    TokenId,
    /// A token that is bound to a key can be used.
    Proof,
    Nonce,
    /// A token that is bound to a certificate can be used.
    Certificate,
    /// A certificate is what Envoy reports of the connection, and not what stands in a header.
    NoForwardedCertificate,
    SenderConstrained,
    SingleUse,
    Scopes,
    Acr,
    AuthTime,
    Approval,
    MaxTokenAge,
    /// A body that is read.
    Body,
    JsonRpc,
    Mcp,
    /// A tool that has a rule of its own name, or a pattern that begins with letters.
    Tool,
}

impl Need {
    pub(super) fn is_met(self, bench: &Bench<'_>, good: &Good) -> bool {
        let rule = good.rule.as_ref();
        let claims = good.case.token.as_ref().map(|token| &token.claims);
        let json_rpc = |of: &Good| of.reads_body && of.body().is_some_and(|body| body.get("jsonrpc").is_some());
        match self {
            Self::Actor => claims.and_then(|claims| claims.get("act")).is_some_and(Value::is_object),
            Self::ActorRequired => rule.delegation.require_actor,
            Self::PriorActorsLimited => {
                rule.delegation.prior_actors != PriorActors::Unrestricted && Self::Actor.is_met(bench, good)
            }
            Self::BoundCaller => rule.delegation.bind_caller != crate::authz::BindCaller::No,
            Self::ServiceAgent => good.service.agent.is_some() && rule.delegation.max_depth > 0,
            Self::SingleAudience => good.service.single_audience,
            Self::SeveralIssuers => bench.issuers().count() > 1,
            Self::SeveralServices => mutate::other_service(bench, good).is_some(),
            Self::TokenId => good
                .issuer(bench)
                .is_some_and(|issuer| issuer.shape.token_id == crate::authz::Presence::Required || rule.single_use),
            Self::Proof => good.proven.is_some(),
            Self::Nonce => good.proven.is_some() && bench.asks_for_nonces(),
            Self::Certificate => good.certified.is_some(),
            Self::NoForwardedCertificate => !bench.settings().forwarded_certificates.set_by_envoy,
            Self::SenderConstrained => rule.sender_constrained,
            Self::SingleUse => rule.single_use,
            Self::Scopes => !rule.scopes.is_empty(),
            Self::Acr => rule.step_up.as_ref().is_some_and(|step_up| !step_up.acr_values.is_empty()),
            Self::AuthTime => rule.step_up.as_ref().is_some_and(|step_up| step_up.max_age.is_some()),
            Self::Approval => rule.approval.is_some(),
            Self::MaxTokenAge => rule.max_token_age.is_some(),
            Self::Body => good.reads_body,
            Self::JsonRpc => json_rpc(good),
            Self::Mcp => json_rpc(good) && good.protocol == Protocol::Mcp,
            Self::Tool => {
                let call = good.body().is_some_and(|body| body.get("method") == Some(&json!("tools/call")));
                let tool = rule.action.rsplit_once("/tools/").map(|(_, tool)| tool);
                good.reads_body && call && tool.is_some_and(|tool| tool.starts_with(|c: char| c.is_ascii_lowercase()))
            }
        }
    }

    /// What is said of a rule where it is not met.
    pub(super) const fn lack(self) -> &'static str {
        match self {
            Self::Actor => "nobody acts for another in its good call",
            Self::ActorRequired => "it takes calls without an actor (`require_actor`)",
            Self::PriorActorsLimited => "its prior actors are not limited, or nobody acts for another in its good call",
            Self::BoundCaller => "it does not compare the caller (`bind_caller`)",
            Self::ServiceAgent => "its service is no agent (`agent`), or it takes no actors",
            Self::SingleAudience => "it takes tokens for other services, too (`single_audience`)",
            Self::SeveralIssuers => "there is one issuer",
            Self::SeveralServices => "no other service is configured",
            Self::TokenId => "it takes tokens without an id (`optional_claims`)",
            Self::Proof => "no DPoP proof can be for it (`external_urls`)",
            Self::Nonce => "no nonce is asked for (`dpop.require_nonce`)",
            Self::Certificate => "it takes no token that is bound to a certificate",
            Self::NoForwardedCertificate => {
                "certificates are taken from a header that its Envoy must set (`forwarded_client_cert`)"
            }
            Self::SenderConstrained => "it takes tokens that are bound to nobody (`sender_constrained`)",
            Self::SingleUse => "it takes a token more than once (`single_use`)",
            Self::Scopes => "it asks for no scope (`scopes`)",
            Self::Acr => "it takes any authentication (`step_up.acr_values`)",
            Self::AuthTime => "it takes an authentication of any age (`step_up.max_age`)",
            Self::Approval => "it asks for no approval (`approval`)",
            Self::MaxTokenAge => "it takes a token as long as it lives (`max_token_age`)",
            Self::Body => "no body of it is read",
            Self::JsonRpc => "it does not speak JSON-RPC",
            Self::Mcp => "it does not speak MCP",
            Self::Tool => "it is no tool of MCP, or its pattern takes any letters",
        }
    }
}
