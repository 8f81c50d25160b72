//! `hopgate explain` of calls that are decided by what they ask for, with the configuration of the demo.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{DONE, REFUSED, run};
use crate::support::{certificate, spiffe};

const ISSUER: &str = "http://127.0.0.1:9000";
const AUDIENCE: &str = "https://invoices.demo.local";

struct Demo {
    key: SigningKey,
    folder: TempDir,
}

impl Demo {
    fn new() -> Self {
        let key = SigningKey::generate(Algorithm::ES256).expect("a key");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("keys.json"), key.jwks().to_string()).expect("written");
        std::fs::write(folder.path().join("peer.pem"), certificate::CERTIFICATE).expect("written");
        Self { key, folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the planner sends for `subject`, who has just shown a second factor and approved a refund of 950.
    fn explain(&self, subject: &str, scope: &str, path: &str, body: &Value) -> (i32, String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let token = TokenBuilder::new(ISSUER, subject, AUDIENCE)
            .client_id("planner")
            .actors(["planner"])
            .scope(scope)
            .claim("acr", json!("urn:demo:mfa"))
            .claim("auth_time", json!(now))
            .claim("cnf", json!({ "x5t#S256": certificate::THUMBPRINT }))
            .claim("authorization_details", json!([{ "type": "refund", "invoice": "7", "amount": 950 }]))
            .sign(&self.key)
            .expect("signed");
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo/config/invoices.yaml");
        let keys = format!("{ISSUER}={}", self.file("keys.json").display());
        let (certificate, body) = (self.file("peer.pem"), body.to_string());
        let mut args = vec!["explain", "--config", config.to_str().unwrap(), "--jwks", &keys, "--token", &token];
        let peer = spiffe("planner");
        args.extend(["--peer", &peer, "--certificate", certificate.to_str().unwrap()]);
        args.extend(["--method", "POST", "--path", path, "--body", &body]);
        args.extend(["--header", "content-type: application/json", "--header", "mcp-protocol-version: 2025-11-25"]);
        let (code, out, err) = run(&args);
        assert_eq!(err, "");
        (code, out)
    }

    fn tool(&self, subject: &str, scope: &str, name: &str) -> (i32, String) {
        let params = json!({ "name": name, "arguments": { "id": "7" } });
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        self.explain(subject, scope, "/mcp", &body)
    }
}

/// `lines` come one after the other, whatever is between them.
fn shows(out: &str, lines: &[&str]) {
    let mut said = out.lines();
    for line in lines {
        assert!(said.any(|said| said == *line), "`{line}` is missing from\n{out}");
    }
}

#[test]
fn a_tool_call_is_explained_with_its_operation_and_the_policy_that_refused_it() {
    let demo = Demo::new();
    let (code, out) = demo.tool("bob", "invoices:read invoices:delete", "delete_invoice");
    assert_eq!(code, REFUSED, "{out}");
    shows(
        &out,
        &[
            "request     POST /mcp",
            "operation   mcp tools/call delete_invoice",
            "rule        invoices/mcp/tools/delete_invoice",
            "scopes      pass",
            "approval    not asked for",
            "policy      REFUSE policy_denied: A policy does not allow this",
            "            by destructive-is-for-finance",
            "replay      -",
            "decision    DENY policy_denied by policy",
            "answer      403",
            r#"              "policies": ["#,
            r#"                "destructive-is-for-finance""#,
        ],
    );
    let (code, out) = demo.tool("bob", "invoices:read", "search_invoices");
    assert_eq!(code, DONE, "{out}");
    shows(&out, &["rule        invoices/mcp/tools/search_*", "policy      pass", "            by agents-may-call"]);
}

#[test]
fn a_tool_call_that_lacks_a_scope_is_explained_with_what_it_needs_and_holds() {
    let (code, out) = Demo::new().tool("alice", "invoices:read", "add_note");
    assert_eq!(code, REFUSED, "{out}");
    shows(
        &out,
        &[
            "scopes      REFUSE scope_missing: The request needs more scopes than the access token has",
            "            needs invoices:read invoices:write, holds invoices:read",
        ],
    );
}

#[test]
fn a_call_without_a_rule_is_explained_with_what_it_asked_for() {
    let (code, out) = Demo::new().tool("alice", "invoices:read", "drop_tables");
    assert_eq!(code, REFUSED, "{out}");
    shows(
        &out,
        &[
            "operation   mcp tools/call drop_tables",
            "",
            "request     pass",
            "route       REFUSE tool_unknown: No rule allows this tool",
        ],
    );
    assert!(!out.contains("\nrule "), "{out}");
}

#[test]
fn a_missing_approval_is_explained_with_what_is_to_be_approved() {
    let demo = Demo::new();
    let refund =
        |amount: u32| demo.explain("alice", "invoices:refund", "/invoices/7/refund", &json!({ "amount": amount }));
    let (code, out) = refund(951);
    assert_eq!(code, REFUSED, "{out}");
    shows(
        &out,
        &[
            "rule        invoices/refund",
            "approval    REFUSE approval_missing: This action needs an approval of its own",
        ],
    );
    let asked =
        out.lines().find_map(|line| line.strip_prefix("            to be approved: ")).expect("what to approve");
    let wanted = json!({ "type": "refund", "locations": [AUDIENCE], "invoice": "7", "amount": 951 });
    assert_eq!(serde_json::from_str::<Value>(asked).expect("JSON"), wanted);

    let (code, out) = refund(950);
    assert_eq!(code, DONE, "{out}");
    assert!(!out.contains("to be approved"), "{out}");
}
