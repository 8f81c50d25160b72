//! The researcher calls tools (MCP). What counts is in the body, and no header, revision or spelling leads past it.

use serde_json::{Value, json};

use super::expected::{Expected, Sees, allowed, refused, refused_plainly};
use super::row::{Door, Row};

const LATEST: &str = "2026-07-28";
const OLDER: &str = "2025-11-25";
const REVISION: &str = "mcp-protocol-version";
/// Where a request of the latest revision repeats it.
const REVISION_MEMBER: &str = "io.modelcontextprotocol/protocolVersion";
const SEARCH: &str = "search_invoices";

/// `tools/call` as the latest revision writes it.
pub(super) fn tool(row: Row, name: &'static str, arguments: &Value) -> Row {
    let headers = [(REVISION, LATEST), ("mcp-method", "tools/call"), ("mcp-name", name)];
    post(row, call(name, arguments)).headers(&headers)
}

pub(super) fn rows() -> Vec<Row> {
    let nothing = json!({});
    let plainly = refused_plainly;
    let search = |row| tool(row, SEARCH, &nothing);
    let raw = |tried, expected: Expected, body: &str| {
        post(Row::new(tried, expected), body).headers(&[(REVISION, LATEST), ("mcp-method", "tools/call")])
    };
    let older = |tried, expected, name| post(Row::new(tried, expected), old_call(name));
    let long = json!({ "query": "x".repeat(70_000) });
    vec![
        search(Row::new("a tool that is allowed", allowed(&[Sees::Header("x-hopgate-route", "mcp")]))),
        tool(Row::new("a tool that nobody listed", plainly(403, "tool_unknown")), "drop_tables", &nothing),
        tool(Row::new("a listed one, in other letters", plainly(403, "tool_unknown")), "Search_invoices", &nothing),
        tool(
            Row::new(
                "a tool that needs one scope more",
                refused(403, "insufficient_scope", "scope_missing")
                    .telling(&[("scope", "invoices:read invoices:write")]),
            ),
            "add_note",
            &nothing,
        ),
        post(Row::new("a method that nobody listed", plainly(403, "operation_unknown")), list("resources/list"))
            .headers(&[(REVISION, LATEST), ("mcp-method", "resources/list")]),
        post(
            Row::new("the header lists tools, the body calls one", plainly(400, "header_mismatch")),
            call(SEARCH, &nothing),
        )
        .headers(&[(REVISION, LATEST), ("mcp-method", "tools/list")]),
        post(
            Row::new("the header names one tool, the body another", plainly(400, "header_mismatch")),
            call("delete_invoice", &nothing),
        )
        .headers(&[(REVISION, LATEST), ("mcp-method", "tools/call"), ("mcp-name", SEARCH)]),
        raw(
            "two names in one body",
            plainly(400, "body_malformed"),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_invoices","name":"drop_tables"}}"#,
        ),
        raw(
            "a name, and a Name",
            plainly(400, "body_malformed"),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search_invoices","Name":"drop_tables"}}"#,
        ),
        raw(
            "a call behind the call",
            plainly(400, "body_malformed"),
            &format!("{}{}", call(SEARCH, &nothing), call("drop_tables", &nothing)),
        ),
        raw(
            "a batch",
            plainly(400, "call_batched"),
            &format!("[{},{}]", call(SEARCH, &nothing), call("drop_tables", &nothing)),
        ),
        older("an older revision", allowed(&[]), SEARCH).headers(&[(REVISION, OLDER)]),
        older("the same, a tool that nobody listed", plainly(403, "tool_unknown"), "drop_tables")
            .headers(&[(REVISION, OLDER)]),
        older("the same, another method in a header that it does not have", plainly(400, "header_mismatch"), SEARCH)
            .headers(&[(REVISION, OLDER), ("mcp-method", "tools/list")]),
        older("a revision that still had batches", plainly(400, "revision_unsupported"), SEARCH)
            .headers(&[(REVISION, "2025-03-26")]),
        older("no revision, which stands for that one", plainly(400, "revision_unsupported"), SEARCH),
        search(Row::new("a body that is said to be gzip", plainly(415, "body_encoded")))
            .headers(&[("content-encoding", "gzip")]),
        search(Row::new("a body that is said to be a form", plainly(415, "content_type_wrong")))
            .headers(&[("content-type", "application/x-www-form-urlencoded")]),
        tool(Row::new("a body of 70 kB, the limit is 64", Expected::ByEnvoy(413)), SEARCH, &long),
        tool(Row::new("the same, Envoy handing over its start", plainly(413, "body_cut_off")), SEARCH, &long)
            .to(Door::InvoicesRaw),
        Row::new("the stream of older revisions", plainly(405, "http_method_unknown"))
            .call("GET", "/mcp")
            .headers(&[(REVISION, OLDER)]),
    ]
}

fn post(row: Row, body: impl Into<Vec<u8>>) -> Row {
    row.call("POST", "/mcp").body(body)
}

fn call(name: &str, arguments: &Value) -> String {
    let params = json!({ "name": name, "arguments": arguments, "_meta": { REVISION_MEMBER: LATEST } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string()
}

fn list(method: &str) -> String {
    let params = json!({ "_meta": { REVISION_MEMBER: LATEST } });
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// As the revisions up to 2025-11-25 write it: nothing of the body is repeated in a header.
fn old_call(name: &str) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": name, "arguments": {} } })
        .to_string()
}
