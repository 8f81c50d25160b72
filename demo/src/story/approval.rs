//! An agent is refused, learns what the person must approve, has it approved at the issuer, and passes with exactly that,
//! once (RFC 9396).

use super::expected::{Expected, refused, refused_plainly};
use super::play::{Player, REMEDIATION, parameter, to_approve};
use super::refund::{self, PASSES, issued, planners_token};
use crate::names::SECOND_FACTOR;
use crate::report::Played;

const GROUP: &str = "approval";
const DETAILS: &str = "authorization_details";
const WANTED: &str = "{ amount: 950, invoice: 7, locations: https://invoices.demo.local, type: refund }";

pub(super) async fn play(player: &mut Player<'_>) -> Vec<Played> {
    let second_factor = ("acr_values", SECOND_FACTOR);
    let mut rows = Vec::new();

    let token = planners_token(player, &[second_factor]).await;
    let row = refund::row("the planner refunds 950 for alice", missing().telling(&[(REMEDIATION, WANTED)]), 950);
    rows.push(refund::play(player, GROUP, &row, token).await);

    // Word for word what the challenge says.
    let asked = parameter(&player.challenge, REMEDIATION).and_then(to_approve).unwrap_or_default().to_string();
    let approved = [second_factor, (DETAILS, asked.as_str())];
    let token = planners_token(player, &approved).await;
    rows.push(issued(GROUP, "alice approves at the issuer what the challenge said", &token, (DETAILS, WANTED)));
    let row = refund::row("the planner refunds 950 with its new token", PASSES, 950);
    rows.push(refund::play(player, GROUP, &row, token).await);
    let row = refund::row("and again", refused(401, "invalid_token", "token_replayed"), 950);
    rows.push(player.play(GROUP, &row).await);

    let token = planners_token(player, &approved).await;
    rows.push(
        refund::play(player, GROUP, &refund::row("950 approved anew, 951 refunded", missing(), 951), token).await,
    );
    let other = refund::row("950 approved, for another invoice", missing(), 950).call("POST", "/invoices/8/refund");
    rows.push(player.play(GROUP, &other).await);
    let twice = refund::row("950 approved, 9500 in the same body", refused_plainly(400, "body_malformed"), 950);
    rows.push(player.play(GROUP, &twice.body(r#"{"amount":950,"amount":9500}"#)).await);
    // All of these left it unused.
    rows.push(player.play(GROUP, &refund::row("950 approved, 950 refunded", PASSES, 950)).await);

    let split = r#"[{"type":"refund","invoice":"7","amount":1},{"type":"refund","invoice":"8","amount":950}]"#;
    let token = planners_token(player, &[second_factor, (DETAILS, split)]).await;
    let row = refund::row("invoice 7 in one approval, 950 in another", missing(), 950);
    rows.push(refund::play(player, GROUP, &row, token).await);
    rows
}

fn missing() -> Expected {
    refused(401, "insufficient_authorization", "approval_missing")
}
