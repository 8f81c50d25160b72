"""An A2A agent on the SDK, of every version and binding that the SDK speaks, without any authorization of its own.

    python3 a2a_server.py '{"public":"127.0.0.1:8080"}'

Its card sends clients to `public`, since something stands in front of it. It listens on two free loopback ports, HTTP and
gRPC, and prints one JSON line with them, then one for each thing that it really does.
"""

import asyncio
import json
import sys

import grpc
import uvicorn
from a2a.compat.v0_3 import a2a_v0_3_pb2_grpc
from a2a.compat.v0_3.grpc_handler import CompatGrpcHandler
from a2a.helpers.proto_helpers import get_message_text, new_task_from_user_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandlerV2, GrpcHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import a2a_pb2_grpc
from a2a.types.a2a_pb2 import AgentCard
from google.protobuf.json_format import ParseDict
from starlette.applications import Starlette

from serving import Telling, free_port, tell

public = json.loads(sys.argv[1])["public"]

BINDINGS = {
    "JSONRPC": f"http://{public}/a2a",
    "HTTP+JSON": f"http://{public}/a2a/rest",
    "GRPC": public,
}

card = ParseDict(
    {
        "name": "reports",
        "description": "Writes reports.",
        "version": "1",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": binding, "protocolVersion": version}
            for binding, url in BINDINGS.items()
            for version in ("1.0", "0.3")
        ],
        "capabilities": {"streaming": True, "extendedAgentCard": True},
        "securitySchemes": {"bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer", "bearerFormat": "JWT"}}},
        "securityRequirements": [{"schemes": {"bearer": {"list": []}}}],
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "report", "name": "Report", "description": "Writes one.", "tags": ["report"]}],
    },
    AgentCard(),
)


class Reports(AgentExecutor):
    """Answers at once; asked to wait, it asks back, so that there is a task to cancel."""

    async def execute(self, context, event_queue):
        task = context.current_task or new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        text = get_message_text(context.message)
        tell({"did": f"report on {text}"})
        if text == "wait":
            await updater.requires_input()
        else:
            await updater.add_artifact([new_text_part(f"report on {text}")])
            await updater.complete()

    async def cancel(self, context, event_queue):
        tell({"did": "cancel"})
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


handler = DefaultRequestHandlerV2(Reports(), InMemoryTaskStore(), card, extended_agent_card=card)
app = Starlette(
    routes=[
        *create_agent_card_routes(card),
        *create_jsonrpc_routes(handler, "/a2a", enable_v0_3_compat=True),
        *create_rest_routes(handler, path_prefix="/a2a/rest", enable_v0_3_compat=True),
    ]
)


async def main():
    rpc = grpc.aio.server()
    a2a_pb2_grpc.add_A2AServiceServicer_to_server(GrpcHandler(handler), rpc)
    a2a_v0_3_pb2_grpc.add_A2AServiceServicer_to_server(CompatGrpcHandler(handler), rpc)
    rpc_port = rpc.add_insecure_port("127.0.0.1:0")
    await rpc.start()
    listener, port = free_port()
    config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=0)
    await Telling(config, {"http": port, "grpc": rpc_port}).serve(sockets=[listener])
    await rpc.stop(0)


asyncio.run(main())
