//! The story: one call that is allowed, and everything that is not.

mod a2a;
mod approval;
mod caller;
mod chain;
mod delegation;
mod discovery;
mod expected;
mod grpc;
mod mcp;
mod mint;
mod path;
mod play;
mod policy;
mod refund;
mod replay;
mod request;
mod revocation;
mod row;
mod scope;
mod sender;
mod step_up;
mod token;

use std::time::Duration;

use crate::Fault;
use crate::mesh::Mesh;
use crate::report::Played;
use play::Player;
use row::Row;

/// Plays everything, in order.
pub(crate) async fn play(mesh: &mut Mesh) -> Result<Vec<Played>, Fault> {
    let ready = mint::now();
    let mut player = Player::new(mesh)?;
    let mut all = chain::play(&mut player).await;
    play_rows(&mut player, &mut all, "discovery", discovery::rows()).await;
    play_rows(&mut player, &mut all, "request", request::rows()).await;
    play_rows(&mut player, &mut all, "path", path::rows()).await;
    play_rows(&mut player, &mut all, "token", token::rows()).await;
    play_rows(&mut player, &mut all, "audience", token::audience_rows()).await;
    all.extend(revocation::play(&mut player).await);
    play_rows(&mut player, &mut all, "delegation", delegation::rows()).await;
    play_rows(&mut player, &mut all, "caller", caller::rows()).await;
    // Token times are whole seconds, and so are a nonce's: one of the second of hopgate's start may be older than it.
    while mint::now() <= ready {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    play_rows(&mut player, &mut all, "sender: key", sender::key_rows()).await;
    play_rows(&mut player, &mut all, "sender: certificate", sender::certificate_rows()).await;
    play_rows(&mut player, &mut all, "scopes", scope::rows()).await;
    all.extend(step_up::play(&mut player).await);
    all.extend(approval::play(&mut player).await);
    play_rows(&mut player, &mut all, "policy", policy::rows()).await;
    play_rows(&mut player, &mut all, "mcp", mcp::rows()).await;
    play_rows(&mut player, &mut all, "a2a", a2a::rows()).await;
    play_rows(&mut player, &mut all, "grpc", grpc::rows()).await;
    play_rows(&mut player, &mut all, "replay", replay::rows()).await;
    Ok(all)
}

async fn play_rows(player: &mut Player<'_>, all: &mut Vec<Played>, group: &'static str, rows: Vec<Row>) {
    for row in rows {
        all.push(player.play(group, &row).await);
    }
}
