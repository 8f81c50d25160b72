//! The call that is allowed: alice asks at the console, and each agent asks the next with a token of its own.

use serde_json::Value;

use super::play::Player;
use super::row::Door;
use crate::Fault;
use crate::client::{Answer, call};
use crate::decision::Decision;
use crate::names::{CONSENT, Workload};
use crate::report::Played;
use crate::tokens::user_token;

const GROUP: &str = "the chain";

/// What each hop's decision must be, in the order of the chain.
const HOPS: [(Door, &str, &str); 3] = [
    (
        Door::Planner,
        "alice at the console asks the planner",
        "200 allowed, alice, holds invoices:read plan:run research:run",
    ),
    (
        Door::Researcher,
        "the planner asks the researcher",
        "200 allowed, alice via planner, holds invoices:read research:run",
    ),
    (
        Door::Invoices,
        "the researcher lists invoices",
        "200 allowed, alice via researcher via planner, holds invoices:read",
    ),
];

pub(super) async fn play(player: &mut Player<'_>) -> Vec<Played> {
    let answer = ask(player).await;
    let mut hop = answer.as_ref().ok();
    let mut rows = Vec::new();
    for (door, tried, expected) in HOPS {
        let (seen, decision) = match (&answer, hop.map(|hop| decided(player, door, hop))) {
            (Ok(_), Some(Ok((seen, decision)))) => (seen, Some(decision)),
            (Ok(_), Some(Err(fault))) => (format!("fault: {fault}"), None),
            (Err(fault), _) => (format!("fault: {fault}"), None),
            (Ok(_), None) => ("not reached".to_owned(), None),
        };
        hop = hop.and_then(|hop| hop.get("next")).filter(|next| next.is_object());
        rows.push(Played {
            group: GROUP,
            tried: tried.to_owned(),
            expected: expected.to_owned(),
            seen,
            note: None,
            decision,
        });
    }
    rows
}

/// The planner's answer, with the answers of the hops behind it inside.
async fn ask(player: &Player<'_>) -> Result<Value, Fault> {
    let mesh = &player.mesh;
    let token = user_token(mesh.issuer.identifier(), CONSENT, &[]).await?;
    let request = http::Request::post("/plan")
        .header("host", "demo.local")
        .header("authorization", format!("Bearer {token}"))
        .body(http_body_util::Full::default())?;
    let console = mesh.folder.identity(Workload::Console);
    match call(&mesh.folder, mesh.planner.address, Some(&console), request, false).await? {
        Answer::Tls(alert) => Err(format!("Envoy refused the console: {alert}").into()),
        Answer::Http(response) if response.status() == 200 => Ok(serde_json::from_slice(response.body())?),
        Answer::Http(response) => {
            Err(format!("{}: {}", response.status(), String::from_utf8_lossy(response.body())).into())
        }
    }
}

/// What hopgate recorded of the hop that answered `hop`, and whether the service was told the same.
fn decided(player: &mut Player<'_>, door: Door, hop: &Value) -> Result<(String, Decision), Fault> {
    // The agents repeat what they were told; the echo shows the headers themselves.
    let told = |field: &str, header: &str| {
        let plain = hop.get(field).and_then(Value::as_str);
        plain.or_else(|| hop.pointer(&format!("/headers/{header}/0")).and_then(Value::as_str)).map(str::to_owned)
    };
    let id = told("decision_id", "x-hopgate-decision-id").ok_or_else(|| format!("no decision id in {hop}"))?;
    let decision = player.decision(door, &id)?;
    let (text, chain) = (|field| decision.text(field).unwrap_or("nobody"), decision.list("actor_chain"));
    let via = chain.iter().fold(String::new(), |text, actor| text + " via " + actor);
    let mut seen = format!(
        "200 {}ed, {}{via}, holds {}",
        text("decision"),
        text("subject"),
        decision.list("scopes_held").join(" ")
    );
    if told("subject", "x-hopgate-subject").as_deref() != decision.text("subject") {
        seen.push_str(" but the service was told of another subject");
    }
    let told_chain = told("actor_chain", "x-hopgate-actor-chain").unwrap_or_default();
    if told_chain != chain.join(",") {
        seen.push_str(" but the service was told of another chain");
    }
    Ok((seen, decision))
}
