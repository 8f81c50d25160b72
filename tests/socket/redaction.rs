//! The process on its error paths: neither a record nor the operational log, at its most talkative, holds a secret of what was sent.

use std::cell::RefCell;
use std::collections::HashSet;

use hopgate::dev::keys::SigningKey;
use hopgate::dev::proof::ProofBuilder;
use hopgate::envoy::decode::BODY_MARKER;
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use prost::Message as _;
use serde_json::{Value, json};

use super::clean::{acts, text_of};
use crate::support::gate::command;
use crate::support::plan::replace_file;
use crate::support::tokens::alice;
use crate::support::{Call, Gate, Plan, eventually, raw};

/// How many bytes in a row of a secret are a leak.
const PIECE: usize = 16;

/// Where `said` holds a piece of one of `secrets`.
fn leak(said: &str, secrets: &[String]) -> Option<String> {
    let pieces: HashSet<_> = secrets.iter().flat_map(|secret| secret.as_bytes().windows(PIECE)).collect();
    let at = said.as_bytes().windows(PIECE).position(|piece| pieces.contains(piece))?;
    Some(String::from_utf8_lossy(&said.as_bytes()[at.saturating_sub(200)..at + PIECE]).into_owned())
}

/// A hopgate that logs everything, of its own and of the crates below it.
pub(super) fn talkative(plan: Plan) -> Gate {
    plan.write();
    let mut program = command();
    program.env("HOPGATE_LOG", "trace");
    Gate::start_as_written(plan, program)
}

/// A message with secrets wherever one may be, and those secrets.
fn message(gate: &Gate, secret: &str, nasty: &str, credential: &str) -> (Vec<u8>, Vec<String>) {
    let prover = SigningKey::generate(Algorithm::ES256).unwrap();
    let token = gate.mint(&alice().claim("private", json!(secret)).claim("cnf", json!({ "jkt": prover.kid() })));
    let proof = ProofBuilder::new("POST", "https://invoices.demo.local/mcp", &token).sign(&prover).unwrap();
    let call = Call::new("POST", &format!("/mcp?q={secret}")).peer(nasty);
    let call = match credential {
        "bearer" => call.bearer(&token),
        "proven" => call.dpop(&token, &proof),
        "bad proof" => call.dpop(&token, secret),
        "basic" => call.header("authorization", format!("Basic {secret}")),
        "as names" => {
            let mut call = Call::new(&token, &format!("/mcp/{proof}/{token}")).bearer(&token);
            call = call.header("a2a-version", &token).header("mcp-method", &proof);
            call
        }
        "bytes" => call.header("authorization", [b"Bearer \xff\x1b".as_slice(), secret.as_bytes()].concat()),
        _ => call.bearer(&token).bearer(secret),
    };
    let call = call.header("cookie", secret).header("x-forwarded-client-cert", format!("Cert=\"{secret}\""));
    let mut message = call.header("x-request-id", nasty).header(BODY_MARKER, "false").message();
    let http = message.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap();
    let params = json!({ "name": "search", "arguments": { "password": secret } });
    // Also where names belong.
    let (rpc, params) = match credential {
        "as method" => (token.as_str(), params),
        "as tool" => ("tools/call", json!({ "name": proof })),
        "as resource" => ("resources/read", json!({ "uri": format!("https://a:{secret}@b/{token}") })),
        _ => ("tools/call", params),
    };
    http.raw_body = json!({ "jsonrpc": "2.0", "id": 1, "method": rpc, "params": params }).to_string().into_bytes();
    let parts = [&token, &proof].into_iter().flat_map(|text| text.split('.').map(str::to_owned));
    (message.encode_to_vec(), parts.chain([secret.to_owned()]).collect())
}

#[test]
fn no_error_path_tells_a_secret_or_acts_on_who_reads() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mcp = json!({ "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "*": { "arguments": { "password": "long" } } } });
    let plan = Plan::new().edit(|config| config["services"][0]["routes"].as_array_mut().unwrap().push(mcp));
    let gate = RefCell::new(runtime.block_on(async { talkative(plan.set("/limits/message_bytes", json!(20_000))) }));
    let all = RefCell::new(Vec::new());
    let nasty = prop_oneof![any::<String>(), Just("\u{1b}[2J\r\n{}\u{202e}\0\u{7f}".to_owned())];
    let credential = select(vec![
        "bearer",
        "proven",
        "bad proof",
        "basic",
        "bytes",
        "twice",
        "as names",
        "as method",
        "as tool",
        "as resource",
    ]);
    let broken = select(vec!["", "", "cut", "begun twice", "ended twice", "too large", "no text", "groups"]);
    let config = ProptestConfig { cases: 200, max_shrink_iters: 20, failure_persistence: None, ..Default::default() };
    proptest!(config, |(
        secret in "[A-Za-z0-9]{40}", nasty in nasty, credential in credential, broken in broken, at in any::<Index>()
    )| {
        let mut gate = gate.borrow_mut();
        let (mut bytes, secrets) = message(&gate, &secret, &nasty, credential);
        match broken {
            "cut" => bytes.truncate(at.index(bytes.len())),
            "begun twice" => bytes = [&bytes[..at.index(bytes.len())], &bytes].concat(),
            "ended twice" => bytes.extend_from_within(at.index(bytes.len())..),
            "too large" => bytes = bytes.repeat(20_000 / bytes.len() + 1),
            // A path that is no UTF-8, in front.
            "no text" => bytes = [b"\x0a\x06\x0a\x04\x12\x02\xff\xfe".as_slice(), &bytes].concat(),
            "groups" => bytes = [vec![0x0b; 1000], bytes].concat(),
            _ => {}
        }
        let answer = runtime.block_on(async { raw::ask(gate.channel(), bytes).await });
        let record = gate.record(&answer).to_string();
        prop_assert_eq!(leak(&record, &secrets), None, "{}", record);
        all.borrow_mut().extend(secrets);
    });
    let gate = gate.into_inner();
    let log = gate.log();
    assert!(log.contains("TRACE"), "the log was to be at its most talkative");
    assert_eq!(leak(&log, &all.into_inner()), None);
    let lines = gate.service.lines();
    assert!(lines.len() >= 200);
    // The last line may not be whole yet.
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for line in lines.iter().map(String::as_str).chain(whole.lines()) {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(!text_of(&value).chars().any(acts) && !line.chars().any(acts), "{line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_holds_is_not_told_when_it_fails() {
    let closed = testbed::ports::free().unwrap();
    let secret = "open-sesame-open-sesame";
    assert!(leak(&format!("a {secret}"), &[secret.to_owned()]).is_some(), "it is seen where it is");
    let uri = format!("http://{closed}/keys?key={secret}");
    let gate = Plan::new().set("/issuers/0/jwks", json!({ "uri": uri })).start();
    let told = async |words: &str| eventually(words, async || gate.log().contains(words).then_some(())).await;
    told(&format!("`http://{closed}/keys` can't be fetched")).await;
    assert_eq!(leak(&gate.log(), &[secret.to_owned()]), None);

    let text = std::fs::read_to_string(gate.plan.file()).unwrap();
    replace_file(&gate.plan.file(), &text.replace(&uri, &format!("http://me:{secret}@{closed}/keys")));
    told("expected a URL without credentials").await;
    assert_eq!(leak(&gate.log(), &[secret.to_owned()]), None);
}
