"""Plays A2A calls with the SDK's client, and tells what that client reported of each.

    python3 a2a_client.py '{"agent":"http://127.0.0.1:8080","binding":"GRPC","version":"1.0","token":"…","steps":[["ListTasks"],…]}'

The client learns from the agent's card where to go; of the card's interfaces it is left the one of `binding` and
`version`. A step is one of the functions below with its arguments, `$task` standing for the task of the last message sent;
`token` takes another token from then on. Every step prints one JSON line: `result`, or `error` with the exception's type
and what it holds. Beside it, as `http`, stands what was seen on the wire; gRPC has no such hook.
"""

import asyncio
import json
import sys

import grpc
import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.auth import AuthInterceptor, CredentialService
from a2a.client.card_resolver import A2ACardResolver
from a2a.helpers.proto_helpers import new_text_message
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetExtendedAgentCardRequest,
    GetTaskRequest,
    ListTasksRequest,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
)
from google.protobuf.json_format import MessageToDict

from serving import tell

# Far longer than an answer takes: a client that hangs is one that reports nothing.
PATIENCE = 10

config = json.loads(sys.argv[1])
wire = []


class Token(CredentialService):
    token = config.get("token")

    async def get_credentials(self, security_scheme_name, context):
        return self.token


async def seen(response):
    request = response.request
    line = {"method": request.method, "path": request.url.path, "status": response.status_code}
    if "a2a-version" in request.headers:
        line["version"] = request.headers["a2a-version"]
    if request.content and "jsonrpc" in json.loads(request.content):
        line["rpc"] = json.loads(request.content)["method"]
    if response.is_error:
        line["headers"] = dict(response.headers)
    wire.append(line)


def report(step, **said):
    http = wire.copy()
    wire.clear()
    tell({"step": step, **said, "http": http})


class Steps:
    """The operations under their names in A2A 1.0. What streams gives a list."""

    def __init__(self, client, settings):
        self.client = client
        self.settings = settings
        self.task = None

    async def SendMessage(self, text):
        return await self.send(text, streaming=False)

    async def SendStreamingMessage(self, text):
        return await self.send(text, streaming=True)

    async def send(self, text, streaming):
        self.settings.streaming = streaming
        message = new_text_message(text, role=Role.ROLE_USER)
        events = [event async for event in self.client.send_message(SendMessageRequest(message=message))]
        self.task = next((event.task.id for event in events if event.HasField("task")), self.task)
        return events

    async def GetTask(self, task):
        return [await self.client.get_task(GetTaskRequest(id=task))]

    async def ListTasks(self):
        return [await self.client.list_tasks(ListTasksRequest())]

    async def CancelTask(self, task):
        return [await self.client.cancel_task(CancelTaskRequest(id=task))]

    async def SubscribeToTask(self, task):
        # The stream of a task that waits does not end by itself.
        self.settings.streaming = True
        async for event in self.client.subscribe(SubscribeToTaskRequest(id=task)):
            return [event]

    async def GetExtendedAgentCard(self):
        return [await self.client.get_extended_agent_card(GetExtendedAgentCardRequest())]


async def play(steps, token):
    for step, *arguments in config["steps"]:
        if step == "token":
            token.token = arguments[0]
            continue
        arguments = [steps.task if argument == "$task" else argument for argument in arguments]
        try:
            async with asyncio.timeout(PATIENCE):
                result = await getattr(steps, step)(*arguments)
            report(step, result=[MessageToDict(message) for message in result])
        except Exception as error:
            report(step, error={"type": type(error).__name__, "message": str(error)})


async def main():
    async with httpx.AsyncClient(event_hooks={"response": [seen]}, timeout=PATIENCE) as http:
        card = await A2ACardResolver(http, config["agent"]).get_agent_card()
        report("card", result={"interfaces": len(card.supported_interfaces)})
        wanted = [
            interface
            for interface in card.supported_interfaces
            if (interface.protocol_binding, interface.protocol_version) == (config["binding"], config["version"])
        ]
        del card.supported_interfaces[:]
        card.supported_interfaces.extend(wanted)
        settings = ClientConfig(
            httpx_client=http,
            grpc_channel_factory=grpc.aio.insecure_channel,
            supported_protocol_bindings=[config["binding"]],
        )
        token = Token()
        async with ClientFactory(settings).create(card, [AuthInterceptor(token)]) as client:
            await play(Steps(client, settings), token)
    tell({"step": "end"})


asyncio.run(main())
