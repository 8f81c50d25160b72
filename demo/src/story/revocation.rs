//! The kill switch: the list of invoices' hopgate changes while it serves, and tokens stop and pass within a second.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::expected::{allowed, refused};
use super::mint::claims;
use super::play::Player;
use super::row::{Credential, Row, Token};
use crate::report::Played;

const GROUP: &str = "revocation";
/// What hopgate promises.
const PROMISED: Duration = Duration::from_secs(1);
/// When there is no more hope.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn play(player: &mut Player<'_>) -> Vec<Played> {
    let revoked = || refused(401, "invalid_token", "revoked");
    let same = |row: Row| row.credential(Credential::Bearer(Token::Same));
    let mut rows = Vec::new();

    rows.push(player.play(GROUP, &Row::new("a token is used", allowed(&[]))).await);
    let first = player.last_token.clone();
    let entry = json!({ "jti": claims(&first).and_then(|claims| claims.get("jti").cloned()) });
    rows.push(change(player, &[entry], &same(Row::new("its jti is put on the list", revoked()))).await);
    rows.push(player.play(GROUP, &Row::new("another token, meanwhile", allowed(&[]))).await);

    let entry = json!({ "actor": "planner", "note": "its prompt was poisoned" });
    let row = same(Row::new("the planner is put on the list, which asked the researcher", revoked()));
    rows.push(change(player, &[entry], &row).await);
    let alone = Row::new("the researcher for alice, without the planner", allowed(&[]));
    rows.push(player.play(GROUP, &alone.token(|token| token.actors(["researcher"]))).await);

    player.last_token = first;
    let row = same(Row::new("the list is emptied: the first token again", allowed(&[])));
    rows.push(change(player, &[], &row).await);
    rows
}

/// Puts `entries` on the list and tries `row` until it comes out as expected, or nobody would wait any longer.
async fn change(player: &mut Player<'_>, entries: &[Value], row: &Row) -> Played {
    let started = Instant::now();
    if let Err(fault) = player.mesh.folder.revoke(entries) {
        return Played::faulty(GROUP, row.tried, row.expected.to_string(), &fault);
    }
    loop {
        let mut tried = player.play(GROUP, row).await;
        let took = started.elapsed();
        if tried.is_as_expected() || took > PATIENCE {
            if took > PROMISED {
                tried.seen.push_str(", but not within a second");
            }
            tried.note = Some(format!("after {} ms", took.as_millis()));
            return tried;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
