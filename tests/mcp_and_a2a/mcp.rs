//! MCP clients and a server on the official SDKs, of the newest revision and of the last one with sessions.

use serde_json::{Value, json};
use testbed::envoy::{Listener, Route, Upstream};
use testbed::{McpClient, McpServer};

use super::stage;
use crate::support::mesh::Mesh;

/// The newest revision, asked for by `server/discover`.
const NEWEST: (&str, &str) = ("auto", "2026-07-28");
/// The last one that begins with `initialize` and has sessions.
const SESSIONS: (&str, &str) = ("legacy", "2025-11-25");

fn routes() -> Value {
    json!([{
        "name": "mcp",
        "match": { "mcp": { "path": "/mcp" } },
        "scopes": ["docs:use"],
        "methods": { "tools/list": {}, "resources/list": {}, "GET": {}, "DELETE": {} },
        "tools": {
            "search_*": { "risk": "read", "scopes": ["docs:read"] },
            "delete_document": { "risk": "destructive", "scopes": ["docs:delete"], "arguments": { "id": "string" } },
        },
        "resources": { "file:///docs/*": { "scopes": ["docs:read"] } },
        "prompts": { "summarize": {} },
    }])
}

struct Docs {
    mesh: Mesh,
    server: McpServer,
    client: McpClient,
}

impl Docs {
    async fn open(client: McpClient) -> Self {
        let server = McpServer::start().expect("an MCP server");
        let upstream = Upstream::at(server.address());
        let listen = |listener: &mut Listener| listener.routes = vec![Route::to(upstream)];
        let mesh = stage::mesh("docs", routes(), listen).await;
        mesh.gate.until_ready().await;
        Self { mesh, server, client }
    }

    fn play(&self, (mode, revision): (&str, &str), token: Option<String>, steps: &Value) -> Vec<Value> {
        let mut scenario = json!({ "url": format!("http://{}/mcp", self.mesh.address), "mode": mode, "steps": steps });
        if let Some(token) = token {
            scenario["token"] = json!(token);
        }
        let lines = self.client.play(&scenario).unwrap_or_else(|error| {
            panic!("{error}\nserver: {:?}\nhopgate: {}", self.server.stderr(), self.mesh.gate.log());
        });
        stage::print(&format!("MCP {revision}, {:?}", self.client), &lines);
        lines
    }

    fn token(&self, scopes: &str) -> String {
        stage::token(&self.mesh.gate, scopes)
    }

    /// Holds what the client reported of a call that hopgate refused against the record, and gives that and the challenge.
    fn refused(&mut self, line: &Value, status: u16, code: i64, reason: &str) -> (Value, String) {
        // Beside the call the client may have opened its stream.
        let http = line["http"].as_array().and_then(|http| http.iter().rfind(|http| http["status"] == status));
        let headers = &http.unwrap_or_else(|| panic!("no answer of {status}: {line:#}"))["headers"];
        let record = self.mesh.gate.record_where(|record| record["decision_id"] == headers["x-hopgate-decision-id"]);
        assert_eq!((&record["decision"], &record["reason"]), (&json!("deny"), &json!(reason)), "{record:#}");

        let error = &line["error"];
        let kind = error["type"].as_str().expect("an error");
        let (message, data) = (error["message"].as_str().expect("a message"), &error["data"]);
        let id = record["decision_id"].as_str().expect("an id");
        match (self.client, kind) {
            // An error of the protocol, out of the body.
            (McpClient::Python, "MCPError") | (McpClient::TypeScript, "ProtocolError") => {
                assert_eq!((&error["code"], &data["decision_id"]), (&json!(code), &json!(id)), "{line:#}");
                assert_eq!(data["error_description"], message, "{line:#}");
            }
            // An error of OAuth, out of the challenge: what the client must get to be let through.
            (McpClient::TypeScript, "InsufficientScopeError") => {
                let scopes = record["scopes_required"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap());
                assert_eq!(error["requiredScope"], scopes.collect::<Vec<_>>().join(" "), "{line:#}");
            }
            // An error of HTTP, with the whole body.
            (McpClient::TypeScript, "SdkHttpError") => {
                assert_eq!(data["status"], status, "{line:#}");
                assert!(data["text"].as_str().expect("the body").contains(id), "{line:#}");
            }
            (client, _) => panic!("{client:?} reported {line:#}"),
        }
        (record, headers["www-authenticate"].as_str().unwrap_or_default().to_owned())
    }
}

/// What a client with rights to read does, and then one with the right to delete.
fn steps(docs: &Docs) -> Value {
    json!([
        ["list_tools"],
        ["call_tool", "search_documents", { "query": "cats" }],
        ["call_tool", "delete_document", { "id": "7" }],
        ["call_tool", "refund", { "invoice": "7", "amount": 1 }],
        ["read_resource", "file:///docs/handbook"],
        ["read_resource", "file:///private/salaries"],
        ["get_prompt", "summarize", { "text": "cats" }],
        ["list_prompts"],
        ["token", docs.token("docs:use docs:delete")],
        ["call_tool", "delete_document", { "id": 7 }],
        ["call_tool", "delete_document", { "id": "7" }],
    ])
}

async fn a_client_gets_what_its_token_is_for(client: McpClient, era: (&str, &str)) {
    let mut docs = Docs::open(client).await;
    let lines = docs.play(era, Some(docs.token("docs:use docs:read")), &steps(&docs));
    assert_eq!(lines[0]["result"]["revision"], era.1, "{:#}", lines[0]);

    let tools: Vec<_> =
        lines[1]["result"]["tools"].as_array().expect("tools").iter().map(|tool| &tool["name"]).collect();
    assert_eq!(tools, ["search_documents", "delete_document", "refund"], "what may be called is not what is listed");
    let content = |line: &Value| line["result"]["content"][0]["text"].clone();
    assert_eq!(content(&lines[2]), "found cats");

    let (record, challenge) = docs.refused(&lines[3], 403, -32010, "scope_missing");
    assert_eq!((&record["protocol"], &record["subject"]), (&json!("mcp"), &json!("alice")));
    assert_eq!((&record["operation"], &record["operation_name"]), (&json!("tools/call"), &json!("delete_document")));
    assert_eq!(record["risk"], "destructive");
    assert_eq!(record["scopes_required"], json!(["docs:use", "docs:delete"]), "all that this tool needs");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains("scope=\"docs:use docs:delete\""), "{challenge}");

    docs.refused(&lines[4], 403, -32010, "tool_unknown");
    assert_eq!(lines[5]["result"]["contents"][0]["text"], "be kind", "{:#}", lines[5]);
    docs.refused(&lines[6], 403, -32010, "resource_unknown");
    assert_eq!(lines[7]["result"]["messages"][0]["content"]["text"], "Summarize: cats", "{:#}", lines[7]);
    docs.refused(&lines[8], 403, -32601, "operation_unknown");

    docs.refused(&lines[9], 400, -32602, "argument_invalid");
    assert_eq!(content(&lines[10]), "deleted 7");
    assert_eq!((&lines[11]["step"], &lines[11]["result"]), (&json!("close"), &json!({})), "{:#}", lines[11]);

    let did = docs.server.did(4).expect("what passed");
    assert_eq!(did, ["search_documents", "handbook", "summarize", "delete_document"], "nothing else reached it");
    let (before, after): (&[&str], &[&str]) = if era == SESSIONS {
        (&["initialize allow", "notifications/initialized allow"], &["DELETE allow"])
    } else {
        (&["server/discover allow"], &[])
    };
    let calls = [
        "tools/list allow",
        "tools/call search_documents allow",
        "tools/call delete_document scope_missing",
        "tools/call refund tool_unknown",
        "resources/read file:///docs/handbook allow",
        "resources/read file:///private/salaries resource_unknown",
        "prompts/get summarize allow",
        "prompts/list operation_unknown",
        "tools/call delete_document argument_invalid",
        "tools/call delete_document allow",
    ];
    let expected = [before, &calls, after].concat();
    let streams = usize::from(era == SESSIONS);
    let mut decisions = stage::decisions(&mut docs.mesh.gate, expected.len() + streams);
    // The client opens its stream whenever it comes to it.
    assert_eq!(decisions.extract_if(.., |decision| decision == "GET allow").count(), streams);
    assert_eq!(decisions, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_python_in_the_newest_revision_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for(McpClient::Python, NEWEST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_python_with_a_session_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for(McpClient::Python, SESSIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_typescript_in_the_newest_revision_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for(McpClient::TypeScript, NEWEST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_typescript_with_a_session_gets_what_its_token_is_for() {
    a_client_gets_what_its_token_is_for(McpClient::TypeScript, SESSIONS).await;
}

async fn a_client_without_a_good_token_does_not_get_to_talk(client: McpClient) {
    let mut docs = Docs::open(client).await;
    for era in [NEWEST, SESSIONS] {
        let narrow = docs.token("docs:read");
        for (token, status, reason) in [(None, 401, "credential_missing"), (Some(narrow), 403, "scope_missing")] {
            let lines = docs.play(era, token, &json!([["list_tools"]]));
            assert_eq!(lines.len(), 2, "it gave up at once: {lines:#?}");
            docs.refused(&lines[0], status, -32010, reason);
        }
    }
    let search = json!([["list_tools"], ["call_tool", "search_documents", { "query": "cats" }]]);
    let lines = docs.play(NEWEST, Some(docs.token("docs:use docs:read")), &search);
    assert_eq!(lines[2]["result"]["content"][0]["text"], "found cats", "{lines:#?}");
    assert_eq!(docs.server.did(1).expect("what passed"), ["search_documents"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_python_without_a_good_token_does_not_get_to_talk() {
    a_client_without_a_good_token_does_not_get_to_talk(McpClient::Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_for_typescript_without_a_good_token_does_not_get_to_talk() {
    a_client_without_a_good_token_does_not_get_to_talk(McpClient::TypeScript).await;
}
