//! An agent is refused, learns what the person must do, sends her to the issuer, and passes (RFC 9470).

use super::expected::refused;
use super::mint::now;
use super::play::{Player, parameter};
use super::refund::{self, PASSES, issued, planners_token};
use crate::report::Played;

const GROUP: &str = "step-up";
/// Of `urn:demo:mfa`, and not longer ago than `max_age`.
const ASKED: &[(&str, &str)] = &[("acr_values", "urn:demo:mfa"), ("max_age", "300")];
/// What alice approved beforehand: here it is about who she is.
const APPROVED: (&str, &str) = ("authorization_details", r#"[{"type":"refund","invoice":"7","amount":100}]"#);

pub(super) async fn play(player: &mut Player<'_>) -> Vec<Played> {
    let refuses = |tried, reason| {
        refund::row(tried, refused(401, "insufficient_user_authentication", reason).telling(ASKED), 100)
    };
    let mut rows = Vec::new();

    let token = planners_token(player, &[APPROVED]).await;
    let row = refuses("the planner refunds for alice, as she logged in", "acr_insufficient");
    rows.push(refund::play(player, GROUP, &row, token).await);

    let acr_values = parameter(&player.challenge, "acr_values").unwrap_or_default().to_owned();
    let token = planners_token(player, &[APPROVED, ("acr_values", &acr_values)]).await;
    let tried = "alice authenticates at the issuer as the challenge asked";
    rows.push(issued(GROUP, tried, &token, ("acr", "urn:demo:mfa")));
    let row = refund::row("the planner refunds with its new token", PASSES, 100);
    rows.push(refund::play(player, GROUP, &row, token).await);

    // Older than what the challenge told by one minute.
    let max_age = parameter(&player.challenge, "max_age").and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    let long_ago = now().saturating_sub(max_age).saturating_sub(60).to_string();
    let token = planners_token(player, &[APPROVED, ("acr_values", &acr_values), ("auth_time", &long_ago)]).await;
    let row = refuses("she did that a minute longer ago than allowed", "authentication_too_old");
    rows.push(refund::play(player, GROUP, &row, token).await);

    let token = planners_token(player, &[APPROVED, ("acr_values", "urn:demo:pwd")]).await;
    let row = refuses("she did it now, but with her password", "acr_insufficient");
    rows.push(refund::play(player, GROUP, &row, token).await);
    rows
}
