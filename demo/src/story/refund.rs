//! What step-up and approval have in common: the planner refunds for alice with tokens of the issuer's own, exchanged by
//! the planner and bound to its key. Nothing is minted.

use serde_json::{Value, json};

use super::expected::{Expected, Sees, allowed, plain};
use super::mint::claims;
use super::play::Player;
use super::row::{Credential, Proof, Row, Token};
use crate::Fault;
use crate::names::Workload;
use crate::report::Played;
use crate::tokens::{AtIssuer, Wanted, user_token};

const SCOPE: &str = "invoices:refund";

/// What a refund that passes looks like at the service.
pub(super) const PASSES: Expected =
    allowed(&[Sees::Header("x-hopgate-subject", "alice"), Sees::Header("x-hopgate-route", "refund")]);

/// alice at the issuer, as `how` says; the planner exchanges her token for one of its own.
pub(super) async fn planners_token(player: &Player<'_>, how: &[(&str, &str)]) -> Result<String, Fault> {
    let issuer = player.mesh.issuer.identifier();
    let audience = Workload::Invoices.audience();
    let wanted = Wanted { audience: &audience, scope: SCOPE, key: Some(&player.mint.planner.key) };
    let alices = user_token(issuer, SCOPE, how).await?;
    AtIssuer::new(Workload::Planner, issuer).exchange(&alices, wanted).await
}

/// The planner refunds `amount` of invoice 7 with `token`.
pub(super) fn row(tried: &'static str, expected: Expected, amount: u32) -> Row {
    Row::new(tried, expected)
        .from(Workload::Planner)
        .call("POST", "/invoices/7/refund")
        .body(json!({ "amount": amount }).to_string())
        .credential(Credential::Dpop(Token::Same, Proof::By(Workload::Planner, |proof| proof)))
}

pub(super) async fn play(
    player: &mut Player<'_>,
    group: &'static str,
    row: &Row,
    token: Result<String, Fault>,
) -> Played {
    match token {
        Ok(token) => {
            player.last_token = token;
            player.play(group, row).await
        }
        Err(fault) => Played::faulty(group, row.tried, row.expected.to_string(), &fault),
    }
}

/// What is in the token that the planner got for alice's new one: who acts, for whom, and the claim `name`.
pub(super) fn issued(
    group: &'static str,
    tried: &'static str,
    token: &Result<String, Fault>,
    (name, expected): (&str, &str),
) -> Played {
    let words = |sub: &str, act: &str, value: &str, bound: bool| {
        let bound = if bound { "bound to a key" } else { "bound to nothing" };
        format!("a token of {sub} via {act}, {name} {value}, {bound}")
    };
    let expected = words("alice", "planner", expected, true);
    let claims = match token.as_ref().map(|token| claims(token)) {
        Ok(Some(claims)) => claims,
        Ok(None) => return Played::faulty(group, tried, expected, &"the issuer's token can't be read".into()),
        Err(fault) => return Played::faulty(group, tried, expected, fault),
    };
    let text = |at: &str| claims.pointer(at).and_then(Value::as_str).unwrap_or("none");
    let value = claims.get(name).map_or("none".to_owned(), plain);
    let seen = words(text("/sub"), text("/act/sub"), &value, claims.pointer("/cnf/jkt").is_some());
    Played { group, tried: tried.to_owned(), expected, seen, note: None, decision: None }
}
