//! An agent is refused, learns what the person must do, sends her to the issuer, and passes (RFC 9470).
//!
//! Nothing is minted here: the tokens are the issuer's own, exchanged by the planner and bound to its key.

use serde_json::Value;

use super::expected::{Expected, Sees, allowed, refused};
use super::mint::{claims, now};
use super::play::{Player, parameter};
use super::row::{Credential, Proof, Row, Token};
use crate::Fault;
use crate::names::Workload;
use crate::report::Played;
use crate::tokens::{AtIssuer, Wanted, user_token};

const GROUP: &str = "step-up";
const SCOPE: &str = "invoices:refund";
/// Of `urn:demo:mfa`, and not longer ago than `max_age`.
const ASKED: &[(&str, &str)] = &[("acr_values", "urn:demo:mfa"), ("max_age", "300")];

pub(super) async fn play(player: &mut Player<'_>) -> Vec<Played> {
    let refuse = |reason| refused(401, "insufficient_user_authentication", reason).telling(ASKED);
    let passes = allowed(&[Sees::Header("x-hopgate-subject", "alice"), Sees::Header("x-hopgate-route", "refund")]);
    let mut rows = Vec::new();

    let token = planners_token(player, &[]).await;
    rows.push(
        refund(player, "the planner refunds for alice, as she logged in", refuse("acr_insufficient"), token).await,
    );

    let acr_values = parameter(&player.challenge, "acr_values").unwrap_or_default().to_owned();
    let token = planners_token(player, &[("acr_values", &acr_values)]).await;
    rows.push(authenticated(&token));
    rows.push(refund(player, "the planner refunds with its new token", passes, token).await);

    // Older than what the challenge told by one minute.
    let max_age = parameter(&player.challenge, "max_age").and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    let long_ago = now().saturating_sub(max_age).saturating_sub(60).to_string();
    let token = planners_token(player, &[("acr_values", &acr_values), ("auth_time", &long_ago)]).await;
    let tried = "she did that a minute longer ago than allowed";
    rows.push(refund(player, tried, refuse("authentication_too_old"), token).await);

    let token = planners_token(player, &[("acr_values", "urn:demo:pwd")]).await;
    rows.push(refund(player, "she did it now, but with her password", refuse("acr_insufficient"), token).await);
    rows
}

/// alice authenticates at the console as `how` says; the planner exchanges her token for one of its own.
async fn planners_token(player: &Player<'_>, how: &[(&str, &str)]) -> Result<String, Fault> {
    let issuer = player.mesh.issuer.identifier();
    let audience = Workload::Invoices.audience();
    let wanted = Wanted { audience: &audience, scope: SCOPE, key: Some(&player.mint.planner.key) };
    let alices = user_token(issuer, SCOPE, how).await?;
    AtIssuer::new(Workload::Planner, issuer).exchange(&alices, wanted).await
}

async fn refund(
    player: &mut Player<'_>,
    tried: &'static str,
    expected: Expected,
    token: Result<String, Fault>,
) -> Played {
    let row = Row::new(tried, expected)
        .from(Workload::Planner)
        .call("POST", "/invoices/7/refund")
        .credential(Credential::Dpop(Token::Same, Proof::By(Workload::Planner, |proof| proof)));
    match token {
        Ok(token) => {
            player.last_token = token;
            player.play(GROUP, &row).await
        }
        Err(fault) => Played::faulty(GROUP, tried, row.expected.to_string(), &fault),
    }
}

/// What is in the token that the planner got for alice's new one.
fn authenticated(token: &Result<String, Fault>) -> Played {
    const TRIED: &str = "alice authenticates at the issuer as the challenge asked";
    let expected = "a token of alice via planner, acr urn:demo:mfa, bound to a key".to_owned();
    let claims = match token.as_ref().map(|token| claims(token)) {
        Ok(Some(claims)) => claims,
        Ok(None) => return Played::faulty(GROUP, TRIED, expected, &"the issuer's token can't be read".into()),
        Err(fault) => return Played::faulty(GROUP, TRIED, expected, fault),
    };
    let text = |at: &str| claims.pointer(at).and_then(Value::as_str).unwrap_or("none");
    let bound = if claims.pointer("/cnf/jkt").is_some() { "bound to a key" } else { "bound to nothing" };
    let seen = format!("a token of {} via {}, acr {}, {bound}", text("/sub"), text("/act/sub"), text("/acr"));
    Played { group: GROUP, tried: TRIED.to_owned(), expected, seen, note: None, decision: None }
}
