//! MCP: rules by method, tool, resource and prompt, in every revision.

use hopgate::authz::{Protocol, Reason};
use serde_json::{Value, json};

use crate::support::{AUDIENCE, Ask, ISSUER, NOW, state_of, token};
use hopgate::dev::mint::TokenBuilder;

const CONFIG: &str = r#"
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: "http://127.0.0.1:9000", jwks: { file: jwks.json } }]
services:
  - name: docs
    audience: https://invoices.demo.local
    routes:
      - name: mcp
        match: { mcp: { path: /mcp } }
        scopes: ["docs:use"]
        methods: { "tools/list": {}, "tasks/*": {}, "docs/special": {}, "logging/*": { scopes: ["docs:admin"] } }
        tools:
          "search_*": { scopes: ["docs:read"] }
          search_secrets: { scopes: ["docs:secrets", "docs:use"] }
          delete_document: { risk: destructive, scopes: ["docs:delete"], single_use: true }
        resources: { "file:///docs/*": {}, "file:///keys/public.pem": {} }
        prompts: { summarize: {}, "draft_*": {} }
      - name: old
        match: { mcp: { path: /old, revisions: ["2025-06-18", "2025-11-25"] } }
        methods: { "*": {} }
        tools: { "*": {} }
"#;

const READ: Option<Reason> = None;

fn message(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// As a client of revision 2025-11-25 sends it.
fn older(method: &str, params: Value) -> Ask {
    Ask::json("/mcp", message(method, params).to_string()).with("mcp-protocol-version", "2025-11-25")
}

/// As a client of revision 2026-07-28 sends it.
fn newer(method: &str, mut params: Value, name: Option<&str>) -> Ask {
    params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28" });
    let ask = Ask::json("/mcp", message(method, params).to_string())
        .with("mcp-protocol-version", "2026-07-28")
        .with("mcp-method", method);
    match name {
        Some(name) => ask.with("mcp-name", name),
        None => ask,
    }
}

fn tool(name: &str) -> Value {
    json!({ "name": name, "arguments": { "id": "7" } })
}

#[test]
fn what_is_not_in_the_rules_is_refused_in_every_revision() {
    let state = state_of(CONFIG, &[]);
    let cases = [
        ("tools/call", tool("search_all"), Some("search_all"), READ),
        ("tools/call", tool("search_secrets"), Some("search_secrets"), READ),
        ("tools/call", tool("delete_document"), Some("delete_document"), READ),
        ("tools/call", tool("Delete_document"), Some("Delete_document"), Some(Reason::ToolUnknown)),
        ("tools/call", tool("delete_document "), None, Some(Reason::ToolUnknown)),
        ("tools/call", tool("drop_table"), Some("drop_table"), Some(Reason::ToolUnknown)),
        ("tools/call", tool("search_ all"), None, Some(Reason::ToolUnknown)),
        ("tools/call", tool("search_\u{430}"), None, Some(Reason::ToolUnknown)),
        ("resources/read", json!({"uri": "file:///docs/a.md"}), Some("file:///docs/a.md"), READ),
        ("resources/subscribe", json!({"uri": "file:///docs/a.md"}), None, READ),
        ("resources/read", json!({"uri": "file:///keys/public.pem"}), Some("file:///keys/public.pem"), READ),
        (
            "resources/read",
            json!({"uri": "file:///keys/private.pem"}),
            Some("file:///keys/private.pem"),
            Some(Reason::ResourceUnknown),
        ),
        (
            "resources/read",
            json!({"uri": "file:///docs/../keys"}),
            Some("file:///docs/../keys"),
            Some(Reason::ResourceUnknown),
        ),
        (
            "resources/read",
            json!({"uri": "file:///docs/%2e%2e/keys"}),
            Some("file:///docs/%2e%2e/keys"),
            Some(Reason::ResourceUnknown),
        ),
        ("prompts/get", json!({"name": "summarize"}), Some("summarize"), READ),
        ("prompts/get", json!({"name": "other"}), Some("other"), Some(Reason::PromptUnknown)),
        ("tools/list", json!({}), None, READ),
        ("tasks/get", json!({"taskId": "7"}), Some("7"), READ),
        ("docs/special", json!({}), None, READ),
        ("resources/list", json!({}), None, Some(Reason::OperationUnknown)),
        ("tools/Call", tool("search_all"), None, Some(Reason::OperationUnknown)),
        ("TOOLS/CALL", tool("search_all"), None, Some(Reason::OperationUnknown)),
        ("tasks/new", json!({}), None, Some(Reason::OperationUnknown)),
        ("tools\u{2215}call", tool("search_all"), None, Some(Reason::OperationUnknown)),
        ("", json!({}), None, Some(Reason::OperationUnknown)),
    ];
    for (method, params, name, expected) in cases {
        assert_eq!(older(method, params.clone()).tried(&state), expected, "older {method} {params}");
        if method != "resources/subscribe" && (name.is_some() || params.get("name").is_none()) {
            let name = name.filter(|_| !method.is_empty());
            if method.is_ascii() {
                assert_eq!(newer(method, params.clone(), name).tried(&state), expected, "newer {method} {params}");
            }
        }
    }
}

#[test]
fn opening_and_closing_a_connection_needs_no_rule_of_its_own() {
    let state = state_of(CONFIG, &[]);
    let initialize = Ask::json("/mcp", message("initialize", json!({ "protocolVersion": "2025-11-25" })).to_string());
    assert_eq!(initialize.tried(&state), READ);
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    assert_eq!(Ask::json("/mcp", initialized).with("mcp-protocol-version", "2025-06-18").tried(&state), READ);
    assert_eq!(older("ping", json!({})).tried(&state), READ);
    assert_eq!(newer("server/discover", json!({}), None).tried(&state), READ);
    // They are no way around the route's own scopes.
    let token = |scope: &str| {
        let issued_at = u64::try_from(NOW).unwrap();
        TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").scope(scope).issued_at(issued_at)
    };
    assert_eq!(older("ping", json!({})).token(&token("other")).tried(&state), Some(Reason::ScopeMissing));
    assert_eq!(older("ping", json!({})).token(&token("docs:use")).tried(&state), None);
}

#[test]
fn the_scopes_are_those_of_the_tool_beside_those_of_the_route() {
    let state = state_of(CONFIG, &[]);
    let token = |scope: &str| {
        let issued_at = u64::try_from(NOW).unwrap();
        TokenBuilder::new(ISSUER, "alice", AUDIENCE).client_id("app").scope(scope).issued_at(issued_at)
    };
    let cases = [
        ("search_all", "docs:use docs:read", None),
        ("search_all", "docs:read", Some(Reason::ScopeMissing)),
        ("search_all", "docs:use", Some(Reason::ScopeMissing)),
        ("search_secrets", "docs:use docs:read", Some(Reason::ScopeMissing)),
        ("search_secrets", "docs:use docs:secrets", None),
        ("delete_document", "docs:use docs:read docs:secrets", Some(Reason::ScopeMissing)),
    ];
    for (name, scope, expected) in cases {
        assert_eq!(older("tools/call", tool(name)).token(&token(scope)).tried(&state), expected, "{name} {scope}");
        let newer = newer("tools/call", tool(name), Some(name));
        let evaluation = newer.token(&token(scope)).of(&state);
        let required: Vec<_> = evaluation.findings.rule.iter().flat_map(|rule| rule.scopes.clone()).collect();
        assert!(required.contains(&"docs:use".into()), "{name}");
        let operation = evaluation.findings.operation.unwrap();
        assert_eq!(
            (operation.protocol, &*operation.method, operation.name.as_deref()),
            (Protocol::Mcp, "tools/call", Some(name))
        );
    }
}

#[test]
fn headers_that_say_something_else_than_the_body_are_refused() {
    let state = state_of(CONFIG, &[]);
    let call = || newer("tools/call", tool("search_all"), Some("search_all"));
    assert_eq!(call().tried(&state), READ);
    let encoded = "=?base64?c2VhcmNoX2FsbA==?=";
    assert_eq!(call().with("mcp-name", encoded).tried(&state), READ);
    assert_eq!(call().with("mcp-method", " tools/call ").tried(&state), READ);
    let mismatched = [
        call().with("mcp-method", "tools/list"),
        call().with("mcp-method", "Tools/Call"),
        call().with("mcp-method", ""),
        call().without("mcp-method"),
        call().with("mcp-name", "search_documents"),
        call().with("mcp-name", "=?base64?c2VhcmNoX2FsbA=?="),
        call().with("mcp-name", "=?BASE64?c2VhcmNoX2FsbA==?="),
        call().without("mcp-name"),
        call().without("mcp-protocol-version"),
        call().with("mcp-protocol-version", "2025-11-25"),
        // One that is repeated for a request that names nothing.
        newer("tools/list", json!({}), Some("search_all")),
        // Also where the older revisions ask for none: the server may look at it.
        older("tools/call", tool("search_all")).with("mcp-method", "tools/list"),
        older("tools/call", tool("search_all")).with("mcp-name", "delete_document"),
    ];
    for ask in mismatched {
        assert_eq!(ask.tried(&state), Some(Reason::HeaderMismatch), "{:?}", ask.headers);
    }
    let mut twice = call();
    twice.headers.push(("mcp-method", "tools/call".to_owned()));
    assert_eq!(twice.tried(&state), Some(Reason::HeaderMismatch));
    let bare = Ask::json("/mcp", message("tools/call", tool("search_all")).to_string())
        .with("mcp-protocol-version", "2026-07-28")
        .with("mcp-method", "tools/call")
        .with("mcp-name", "search_all");
    assert_eq!(bare.tried(&state), Some(Reason::ParamsMalformed), "without the revision in the body");
}

#[test]
fn no_revision_that_is_not_known_and_none_in_place_of_another() {
    let state = state_of(CONFIG, &[]);
    let call = |revision: &str| older("tools/call", tool("search_all")).with("mcp-protocol-version", revision);
    for revision in ["2025-06-18", "2025-11-25"] {
        assert_eq!(call(revision).tried(&state), READ, "{revision}");
    }
    for revision in ["2025-03-26", "2024-11-05", "2027-01-01", "", "DRAFT-2026-v1", "2025-11-25,2026-07-28"] {
        assert_eq!(call(revision).tried(&state), Some(Reason::RevisionUnsupported), "{revision}");
    }
    // Absent it means 2025-03-26, which knew batches.
    let absent = older("tools/call", tool("search_all")).without("mcp-protocol-version");
    assert_eq!(absent.tried(&state), Some(Reason::RevisionUnsupported));
    let mut newest = newer("tools/call", tool("search_all"), Some("search_all"));
    newest.path = "/old".to_owned();
    assert_eq!(newest.tried(&state), Some(Reason::RevisionUnsupported));
}

#[test]
fn streams_sessions_and_responses_are_of_the_older_revisions_and_only_by_rule() {
    let state = state_of(CONFIG, &[]);
    for method in ["GET", "DELETE"] {
        let ask = |path: &str, revision: &str| {
            let ask = Ask { method, path: path.to_owned(), ..Ask::default() };
            ask.with("mcp-protocol-version", revision).tried(&state)
        };
        assert_eq!(ask("/mcp", "2025-11-25"), Some(Reason::HttpMethodUnknown));
        assert_eq!(ask("/old", "2025-11-25"), READ);
        assert_eq!(ask("/old", "2026-07-28"), Some(Reason::RevisionUnsupported));
        assert_eq!(ask("/old", ""), Some(Reason::RevisionUnsupported));
        // A service that does not look at the method would do what the body says.
        let call = Ask { method, ..older("tools/call", tool("delete_document")).at("/old") };
        assert_eq!(call.tried(&state), Some(Reason::BodyMalformed));
        let unseen = Ask { body: None, ..call };
        assert_eq!(unseen.with("content-length", "17").tried(&state), Some(Reason::BodyMalformed));
        let grpc = Ask { method, path: "/old".to_owned(), ..Ask::default() }.with("mcp-protocol-version", "2025-11-25");
        assert_eq!(grpc.with("content-type", "application/grpc").tried(&state), Some(Reason::ContentTypeWrong));
    }
    let response = json!({ "jsonrpc": "2.0", "id": 7, "result": { "action": "accept" } }).to_string();
    let ask =
        |path: &str, revision: &str| Ask::json(path, &response).with("mcp-protocol-version", revision).tried(&state);
    assert_eq!(ask("/mcp", "2025-11-25"), Some(Reason::OperationUnknown));
    assert_eq!(ask("/mcp", "2026-07-28"), Some(Reason::CallMalformed));
    assert_eq!(ask("/old", "2025-11-25"), READ);
}

#[test]
fn a_tool_needs_its_own_scopes_beside_the_routes_each_once() {
    let state = state_of(CONFIG, &[]);
    for (name, scopes) in [("search_docs", ["docs:use", "docs:read"]), ("search_secrets", ["docs:use", "docs:secrets"])]
    {
        let rule = older("tools/call", tool(name)).token(&token()).of(&state).findings.rule.unwrap();
        assert_eq!(rule.scopes.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), scopes);
    }
}
