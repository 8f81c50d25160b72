"""Plays MCP calls with the official SDK's client, and tells what that client reported of each.

    python3 mcp_client.py '{"url":"http://127.0.0.1:8080/mcp","mode":"auto","token":"…","steps":[["list_tools"],…]}'

`mode` is the SDK's: `auto` asks for the newest revision by `server/discover`, `legacy` shakes hands by `initialize`. A
step is the name of a method of the SDK's client and its arguments; `token` takes another token from then on. Every step
prints one JSON line: `result`, or `error` with the exception's type and what it holds. Beside it, as `http`, stands what
was seen on the wire, by hooks of the HTTP client that the SDK lets its user bring.
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from serving import tell

# Far longer than an answer takes: a client that hangs is one that reports nothing.
PATIENCE = 10

config = json.loads(sys.argv[1])
wire = []


async def seen(response):
    request = response.request
    await request.aread()
    line = {"method": request.method, "status": response.status_code}
    for name in ("mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"):
        if name in request.headers:
            line[name] = request.headers[name]
    if request.content:
        line["rpc"] = json.loads(request.content)["method"]
    if response.is_error:
        line["headers"] = dict(response.headers)
    wire.append(line)


def report(step, **said):
    http = wire.copy()
    wire.clear()
    tell({"step": step, **said, "http": http})


def told(error):
    """What an exception says: the SDK's own has a code and data, a group of tasks hides its members."""
    if isinstance(error, BaseExceptionGroup):
        return told(error.exceptions[0])
    inner = getattr(error, "error", None)
    said = {"type": type(error).__name__, "message": str(error)}
    if inner is not None:
        said |= {"code": inner.code, "message": inner.message, "data": inner.data}
    return said


async def play(client, http):
    for step, *arguments in config["steps"]:
        if step == "token":
            http.headers["authorization"] = f"Bearer {arguments[0]}"
            continue
        name = " ".join([step, *(argument for argument in arguments if isinstance(argument, str))])
        try:
            async with asyncio.timeout(PATIENCE):
                result = await getattr(client, step)(*arguments)
            report(name, result=result.model_dump(mode="json", by_alias=True, exclude_none=True))
        except Exception as error:
            report(name, error=told(error))


async def main():
    headers = {"authorization": f"Bearer {config['token']}"} if "token" in config else {}
    hooks = {"response": [seen]}
    async with httpx2.AsyncClient(headers=headers, event_hooks=hooks, timeout=PATIENCE) as http:
        transport = streamable_http_client(config["url"], http_client=http)
        try:
            async with Client(transport, mode=config["mode"], cache=None) as client:
                report("connect", result={"revision": client.protocol_version})
                await play(client, http)
            report("close", result={})
        except Exception as error:
            report("connect", error=told(error))
    tell({"step": "end"})


asyncio.run(main())
