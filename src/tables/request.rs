//! The call of a case, with its token and its proof.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::case::Case;
use super::known::spiffe_of;
use super::token::Maker;
use super::written::{A2a, Bound, Carried, Mcp, Request};
use crate::config::Settings;
use crate::offline::Call;

const MCP_REVISION: &str = "2026-07-28";
/// Where a request of MCP repeats its revision, from that one on.
const REVISION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";

/// A body with the headers that belong to it.
#[derive(Default)]
struct Content {
    body: Option<Vec<u8>>,
    headers: Vec<(&'static str, String)>,
}

/// The call, without what says who it is from.
pub(super) fn call(request: &Request, settings: &Settings, certificate: String) -> Call {
    let content = content(request);
    let own = |name: &str| request.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
    let implied = content.headers.into_iter().filter(|(name, _)| !own(name));
    let mut headers: Vec<(String, String)> = implied.map(|(name, value)| (name.to_owned(), value)).collect();
    for (name, values) in &request.headers {
        headers.extend(values.values().iter().map(|value| (name.to_ascii_lowercase(), value.clone())));
    }
    let method = if content.body.is_some() { "POST" } else { "GET" };
    let peer = request.peer.as_deref().unwrap_or_default();
    Call {
        method: request.method.clone().unwrap_or_else(|| method.to_owned()),
        path: request.path.clone().unwrap_or_default(),
        headers,
        body: content.body,
        peer: spiffe_of(peer, settings).unwrap_or(peer).to_owned(),
        certificate,
        service: request.service.clone(),
    }
}

/// Puts the token and the proof of `case` where its call has them.
pub(super) fn present(case: &Case, maker: &Maker<'_>, call: &mut Call) -> Result<(), String> {
    let Some(token) = &case.token else {
        return Ok(());
    };
    let text = maker.token(token)?;
    let wants_proof = case.proof.is_some() || token.bound.contains(&Bound::Dpop);
    let proof = case.proof.clone().unwrap_or_default();
    let proof_text = if wants_proof { maker.proof(&proof, &call.method, &call.path, &text)? } else { String::new() };
    // Also an empty list of values is the case's own.
    let own = |name: &str| case.request.headers.keys().any(|key| key.eq_ignore_ascii_case(name));
    if token.sent == Carried::Header && !own("authorization") {
        let scheme = if wants_proof { "DPoP" } else { "Bearer" };
        call.headers.push(("authorization".to_owned(), format!("{scheme} {text}")));
    }
    if wants_proof && proof.sent == Carried::Header && !own("dpop") {
        call.headers.push(("dpop".to_owned(), proof_text.clone()));
    }
    call.path = call.path.replace("<token>", &text);
    for (_, value) in &mut call.headers {
        *value = value.replace("<token>", &text).replace("<proof>", &proof_text);
    }
    Ok(())
}

/// The PEM of the caller's certificate, from `written`; files are relative to `folder`.
pub(super) fn certificate(
    written: &str,
    folder: &Path,
    made: impl FnOnce(&str) -> Result<String, String>,
) -> Result<String, String> {
    if let Some(file) = written.strip_prefix('@') {
        let file = folder.join(file);
        return std::fs::read_to_string(&file).map_err(|error| format!("can't read `{}`: {error}", file.display()));
    }
    if written.starts_with("-----BEGIN") { Ok(written.to_owned()) } else { made(written) }
}

fn content(request: &Request) -> Content {
    if let Some(mcp) = &request.mcp {
        return of_mcp(mcp);
    }
    if let Some(a2a) = &request.a2a {
        return of_a2a(a2a);
    }
    match (&request.json, &request.body) {
        (Some(json), _) => {
            Content { body: Some(json.to_string().into_bytes()), headers: vec![("content-type", json_type())] }
        }
        (None, Some(body)) => Content { body: Some(body.clone().into_bytes()), headers: Vec::new() },
        (None, None) => Content::default(),
    }
}

fn of_mcp(mcp: &Mcp) -> Content {
    let revision = mcp.revision.as_deref().unwrap_or(MCP_REVISION);
    let method = mcp.method.as_deref().unwrap_or("tools/call");
    let mut params = mcp.params.clone();
    if let Some(tool) = &mcp.tool {
        params.insert("name".to_owned(), json!(tool));
    }
    if let Some(arguments) = &mcp.arguments {
        params.insert("arguments".to_owned(), Value::Object(arguments.clone()));
    }
    let mut headers = vec![
        ("content-type", json_type()),
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", revision.to_owned()),
    ];
    if revision >= MCP_REVISION {
        headers.push(("mcp-method", method.to_owned()));
        let named = ["name", "uri", "taskId"].iter().find_map(|member| params.get(*member)?.as_str());
        headers.extend(named.map(|name| ("mcp-name", name.to_owned())));
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.entry(REVISION_MEMBER).or_insert_with(|| json!(revision));
        }
    }
    Content { body: Some(json_rpc(method, &params)), headers }
}

fn of_a2a(a2a: &A2a) -> Content {
    let headers =
        vec![("content-type", json_type()), ("a2a-version", a2a.version.clone().unwrap_or_else(|| "1.0".to_owned()))];
    Content { body: Some(json_rpc(&a2a.method, &a2a.params)), headers }
}

fn json_rpc(method: &str, params: &Map<String, Value>) -> Vec<u8> {
    let mut message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
    // A notification is answered with nothing, so it has no id.
    if !method.starts_with("notifications/")
        && let Some(message) = message.as_object_mut()
    {
        message.insert("id".to_owned(), json!(1));
    }
    message.to_string().into_bytes()
}

fn json_type() -> String {
    "application/json".to_owned()
}
