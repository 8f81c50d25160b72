"""An MCP server on the official SDK, of every revision that the SDK speaks, without any authorization of its own.

    python3 mcp_server.py

It listens on a free loopback port and prints one JSON line with it, then one for each thing that it really does.
"""

from mcp.server.mcpserver import MCPServer

from serving import free_port, serve, tell

server = MCPServer("documents")


@server.tool()
def search_documents(query: str) -> str:
    """Searches the documents."""
    tell({"did": "search_documents"})
    return f"found {query}"


@server.tool()
def delete_document(id: str) -> str:
    """Deletes a document."""
    tell({"did": "delete_document"})
    return f"deleted {id}"


@server.tool()
def refund(invoice: str, amount: float) -> str:
    """Pays an invoice back."""
    tell({"did": "refund"})
    return f"refunded {amount:g} of {invoice}"


@server.resource("file:///docs/handbook")
def handbook() -> str:
    """What everybody may read."""
    tell({"did": "handbook"})
    return "be kind"


@server.resource("file:///private/salaries")
def salaries() -> str:
    """What nobody may read."""
    tell({"did": "salaries"})
    return "too low"


@server.prompt()
def summarize(text: str) -> str:
    """Asks for a summary."""
    tell({"did": "summarize"})
    return f"Summarize: {text}"


listener, port = free_port()
serve(server.streamable_http_app(), listener, {"http": port})
