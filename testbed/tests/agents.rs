//! The MCP server and the A2A agent that are not ours, and their clients, without anything of ours between them.

use serde_json::{Value, json};
use testbed::{A2aAgent, McpClient, McpServer, ports};

#[test]
fn an_mcp_client_of_either_era_talks_to_the_server() {
    let mut server = McpServer::start().expect("a server");
    let eras = [("auto", "2026-07-28"), ("legacy", "2025-11-25")];
    for (client, (mode, revision)) in
        [McpClient::Python, McpClient::TypeScript].into_iter().flat_map(|client| eras.map(|era| (client, era)))
    {
        let scenario = json!({
            "url": format!("http://{}/mcp", server.address()),
            "mode": mode,
            "steps": [["call_tool", "refund", { "invoice": "7", "amount": 1.5 }]],
        });
        let lines = client.play(&scenario).expect("played");
        assert_eq!(at(&lines, 0, "/result/revision"), revision, "{lines:#?}");
        assert_eq!(at(&lines, 1, "/result/content/0/text"), "refunded 1.5 of 7", "{lines:#?}");
    }
    assert_eq!(server.did(4).expect("each"), ["refund"; 4]);
}

#[test]
fn an_a2a_client_gets_the_agents_card_and_one_that_gives_up_says_why() {
    let nobody = ports::free().expect("a port");
    let agent = A2aAgent::start(nobody).expect("an agent");
    let scenario = json!({
        "agent": format!("http://{}", agent.http()), "binding": "JSONRPC", "version": "1.0",
        "steps": [["SendMessage", "cats"]],
    });
    let lines = A2aAgent::play(&scenario).expect("played");
    assert_eq!(at(&lines, 0, "/result/interfaces"), 6, "{lines:#?}");
    // The card sends it to where nobody listens.
    assert_eq!(at(&lines, 1, "/error/type"), "A2AClientError", "{lines:#?}");

    let scenario = json!({ "agent": format!("http://{nobody}"), "binding": "JSONRPC", "version": "1.0", "steps": [] });
    let error = A2aAgent::play(&scenario).expect_err("no card");
    assert!(error.to_string().contains("ended early"), "{error}");
}

fn at(lines: &[Value], line: usize, pointer: &str) -> Value {
    lines.get(line).and_then(|line| line.pointer(pointer)).cloned().unwrap_or_default()
}
