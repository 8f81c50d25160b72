//! Writes the seeds anew: `CARGO_TARGET_DIR=target cargo run --manifest-path fuzz/Cargo.toml --example make_seeds` in
//! the folder that holds `fuzz`.
//!
//! Each is near something that hopgate reads; the fuzzer finds what lies beside it. Tokens in them are signed by a key that
//! is forgotten at once.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use hopgate::authz::{Outcome, evaluate};
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate_fuzz::{AUDIENCE, CONFIG, ISSUER, KEY, NOW, PEER, STATE, now, request};
use jsonwebtoken::Algorithm;
use prost::Message as _;

fn main() -> std::io::Result<()> {
    token()?;
    check_request()?;
    call()?;
    config()?;
    jwks()
}

fn save(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
    let folder = Path::new("fuzz/seeds").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn good() -> TokenBuilder {
    TokenBuilder::new(ISSUER, "alice", AUDIENCE)
        .scope("invoices:read")
        .actors(["researcher", "planner"])
        .issued_at(NOW.unsigned_abs())
}

fn token() -> std::io::Result<()> {
    let signed = |token: &TokenBuilder| token.sign(&KEY).expect("the key signs");
    let header = format!("Bearer {}", signed(&good()));
    let outcome = evaluate(&STATE.snapshot, &request(header.as_bytes()), now()).outcome;
    assert!(matches!(outcome, Outcome::Permitted(_)), "a seed that is near nothing allowed finds nothing: {outcome:?}");
    save("token", "whole", ["\0", &signed(&good())].concat())?;
    save("token", "none", "\0eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.")?;
    save("token", "header", format!("\x01{}\n{}", good().header_for(&KEY), good().claims()))?;
    let crit = good().header("crit", serde_json::json!(["exp"]));
    save("token", "crit", format!("\x01{}\n{}", crit.header_for(&KEY), crit.claims()))?;
    let payloads = [
        ("claims", good()),
        ("no_act", good().without_claim("act")),
        ("act_null", good().claim("act", serde_json::Value::Null)),
        ("act_deep", good().actors((0..40).map(|n| format!("a{n}")))),
        ("act_issuer", good().claim("act", serde_json::json!({ "sub": "researcher", "iss": ISSUER }))),
        ("audiences", good().audiences([AUDIENCE, "https://other.example"])),
        ("fraction", good().claim("exp", serde_json::json!(1_800_000_060.5))),
        ("bound", good().claim("cnf", serde_json::json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }))),
        ("scp", good().scope("").claim("scp", serde_json::json!(["invoices:read"]))),
    ];
    for (name, token) in payloads {
        save("token", name, format!("\x02{}", token.claims()))?;
    }
    save("token", "twice", "\x02{\"iss\":\"http://127.0.0.1:9000\",\"exp\":1,\"exp\":2}")
}

fn call() -> std::io::Result<()> {
    let mcp = |method: &str, params: serde_json::Value| {
        serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
    };
    let meta = serde_json::json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let newest = serde_json::json!({ "name": "search_all", "arguments": { "q": "x" }, "_meta": meta });
    let older = serde_json::json!({ "name": "delete_document", "arguments": { "id": "7" } });
    let resource = serde_json::json!({ "uri": "file:///docs/a.md" });
    let message = serde_json::json!({ "tenant": "acme", "message": { "parts": [{ "text": "hello" }] } });
    save("call", "mcp_newest", ["\0", &mcp("tools/call", newest)].concat())?;
    save("call", "mcp_older", ["\x01", &mcp("tools/call", older)].concat())?;
    save("call", "mcp_resource", ["\x01", &mcp("resources/read", resource)].concat())?;
    save("call", "a2a", ["\x02", &mcp("message/send", message)].concat())?;
    save("call", "a2a_rest", "\x03{\"id\":\"7\"}")?;
    save("call", "json", "\x04{\"amount\":9.5,\"note\":\"x\"}")
}

fn check_request() -> std::io::Result<()> {
    let bearer = format!("Bearer {}", good().sign(&KEY).expect("the key signs"));
    let calls = [
        ("raw", message("GET", "/invoices", &[("authorization", &bearer), ("x-request-id", "1")], true)),
        (
            "joined",
            message("GET", "/invoices/7?a=b", &[("authorization", &bearer), ("x_hopgate_subject", "eve")], false),
        ),
        ("twice", message("POST", "/files/a/b", &[("authorization", &bearer), ("authorization", "Bearer x")], true)),
        ("grpc", message("POST", "/a.B/C", &[("content-type", "application/grpc"), ("dpop", "a.b.c")], true)),
        ("path", message("GET", "/invoices/%2e%2e/admin?access_token=x", &[("authorization", &bearer)], true)),
        ("empty", CheckRequest::default()),
    ];
    for (name, message) in calls {
        save("check_request", name, message.encode_to_vec())?;
    }
    Ok(())
}

fn message(method: &str, path: &str, headers: &[(&str, &str)], raw: bool) -> CheckRequest {
    let value = |(key, value): &(&str, &str)| HeaderValue {
        key: (*key).to_owned(),
        raw_value: value.as_bytes().to_vec(),
        ..HeaderValue::default()
    };
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let http = HttpRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        header_map: raw.then(|| HeaderMap { headers: headers.iter().map(value).collect() }),
        headers: if raw { HashMap::new() } else { headers.iter().map(owned).collect() },
        ..HttpRequest::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer { principal: PEER.to_owned(), ..Peer::default() }),
            request: Some(Request { http: Some(http), ..Request::default() }),
            context_extensions: HashMap::from([("service".to_owned(), "invoices".to_owned())]),
            ..AttributeContext::default()
        }),
    }
}

fn config() -> std::io::Result<()> {
    save("config", "whole", CONFIG)?;
    save(
        "config",
        "remote",
        CONFIG.replace("jwks: { file: keys.json }", "jwks: { uri: https://as.example.com/jwks }"),
    )?;
    save("config", "discovery", CONFIG.replace("jwks: { file: keys.json }", "insecure: true"))?;
    save("config", "faults", "listen: 0.0.0.0:1\nissuers: []\nservices: [{name: 1, nope: x}]\nunknown: true\n")?;
    save("config", "anchors", "a: &a [1, 2]\nb: *a\nlisten: !!str x\n<<: {c: d}\n")?;
    save(
        "config",
        "observe",
        format!("{CONFIG}enforcement: {{ delegation: observe, scopes: enforce }}\nlimits: {{ drain: 5s }}\n"),
    )
}

fn jwks() -> std::io::Result<()> {
    let jwk = |algorithm| SigningKey::generate(algorithm).expect("a key can be made").jwk().clone();
    let all = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256].map(jwk);
    for (name, key) in ["ed25519", "p256", "p384", "rsa"].into_iter().zip(&all) {
        save("jwks", name, serde_json::json!({ "keys": [key] }).to_string())?;
    }
    save("jwks", "all", serde_json::json!({ "keys": all }).to_string())?;
    save("jwks", "useless", r#"{"keys":[{"kty":"oct","k":"AA"},{"kty":"EC","use":"enc"},{},1]}"#)
}
