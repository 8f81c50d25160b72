//! What a case says of the configuration must be there.

use serde_json::{Map, Value};

use super::instant;
use super::written::{Case, OneOrMany, Request, Token};
use crate::authz::{Algorithm, Reason};
use crate::config::{Settings, close_to};

/// Where in the case, and what.
type Found = Vec<(String, String)>;

pub(super) fn faults(case: &Case, settings: &Settings) -> Found {
    let mut found = Found::new();
    of_request(&case.request, settings, &mut found);
    of_service(case, settings, &mut found);
    if let Some(token) = &case.token {
        of_token(token, settings, &mut found);
    }
    if let Some(proof) = &case.proof {
        of_times("proof.claims", &proof.claims, &mut found);
        if case.token.is_none() {
            found.push(("proof".to_owned(), "is there, and no `token` that it is for".to_owned()));
        }
    }
    if case.token.is_none() && says(&case.request, &["<token>", "<proof>"]) {
        found.push(("request".to_owned(), "has a place for a token, and there is no `token`".to_owned()));
    }
    found
}

/// Whether `request` has one of `words`, which stand for something, where that is put in their place.
fn says(request: &Request, words: &[&str]) -> bool {
    let mut values = request.headers.values().flat_map(OneOrMany::values).chain(&request.path);
    values.any(|value| words.iter().any(|word| value.contains(word)))
}

fn of_request(request: &Request, settings: &Settings, found: &mut Found) {
    let bodies = [request.body.is_some(), request.json.is_some(), request.mcp.is_some(), request.a2a.is_some()];
    if bodies.into_iter().filter(|there| *there).count() > 1 {
        found.push(("request".to_owned(), "has more than one of `body`, `json`, `mcp` and `a2a`".to_owned()));
    }
    if let Some(mcp) = &request.mcp
        && mcp.tool.is_some() == mcp.method.is_some()
    {
        found.push(("request.mcp".to_owned(), "expected `tool` or `method`, one of them".to_owned()));
    }
    if let Some(peer) = &request.peer
        && !peer.contains("://")
        && spiffe_of(peer, settings).is_none()
    {
        let known: Vec<&str> = settings.agents.iter().map(|(_, agent)| agent.id.as_ref()).collect();
        let guess = close_to(peer, &known);
        let message = format!("`{peer}` is none of `agents` with a SPIFFE id, and no SPIFFE id itself{guess}");
        found.push(("request.peer".to_owned(), message));
    }
}

/// A service that is not configured, unless that is what the case is about.
fn of_service(case: &Case, settings: &Settings, found: &mut Found) {
    let Some(name) = &case.request.service else { return };
    let known: Vec<&str> = settings.services.iter().map(|service| service.name.as_ref()).collect();
    let expected = case.expect.0.get("reason").unwrap_or(&case.expect.0).as_str();
    if !known.contains(&name.as_str()) && expected != Some(Reason::ServiceUnknown.code()) {
        let message = format!("`{name}` is none of `services`{}", close_to(name, &known));
        found.push(("request.service".to_owned(), message));
    }
}

fn of_token(token: &Token, settings: &Settings, found: &mut Found) {
    let is_issuer = |name: &str| settings.issuers.iter().any(|known| known.issuer.name.as_ref() == name);
    if let Some(issuer) = token.issuer.as_deref().filter(|name| !is_issuer(name)) {
        let message = format!("`{issuer}` is none of `issuers`; to be somebody else, say so in `claims.iss`");
        found.push(("token.issuer".to_owned(), message));
    }
    if let Some(key) = token.key.as_deref().filter(|key| !matches!(*key, "issuer" | "stranger") && !is_issuer(key)) {
        let message = format!("found `{key}`, expected `issuer`, `stranger` or one of `issuers`");
        found.push(("token.key".to_owned(), message));
    }
    if let Some(name) = token.algorithm.as_deref().filter(|name| Algorithm::from_header(name).is_none()) {
        found.push(("token.algorithm".to_owned(), format!("found `{name}`, expected one that `issuers` could have")));
    }
    of_times("token.claims", &token.claims, found);
}

fn of_times(path: &str, claims: &Map<String, Value>, found: &mut Found) {
    for (name, value) in claims {
        found.extend(instant::fault(name, value).map(|fault| (format!("{path}.{name}"), fault)));
    }
}

/// The SPIFFE id of the agent that the configuration calls `id`.
pub(super) fn spiffe_of<'a>(id: &str, settings: &'a Settings) -> Option<&'a str> {
    let agent = settings.agents.iter().map(|(_, agent)| agent).find(|agent| agent.id.as_ref() == id)?;
    agent.spiffe.as_ref().map(crate::authz::SpiffeId::as_str)
}
