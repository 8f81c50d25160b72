//! The story: one call that is allowed, and everything that is not.

mod caller;
mod chain;
mod delegation;
mod expected;
mod grpc;
mod mint;
mod path;
mod play;
mod replay;
mod request;
mod row;
mod scope;
mod token;

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
    let groups: [(&'static str, Vec<Row>); 9] = [
        ("request", request::rows()),
        ("path", path::rows()),
        ("token", token::rows()),
        ("audience", token::audience_rows()),
        ("delegation", delegation::rows()),
        ("caller", caller::rows()),
        ("scopes", scope::rows()),
        ("grpc", grpc::rows()),
        ("replay", replay::rows()),
    ];
    for (group, rows) in groups {
        if group == "replay" {
            // Token times are whole seconds: one issued in the second of hopgate's start may be older than it.
            while mint::now() <= ready {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        for row in rows {
            all.push(player.play(group, &row).await);
        }
    }
    Ok(all)
}
