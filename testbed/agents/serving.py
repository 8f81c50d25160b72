"""How the servers here listen and say that they do."""

import json
import socket

import uvicorn


def free_port():
    """A listening loopback socket on a port of the operating system's choice, and that port."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def tell(line):
    """One line of JSON on stdout, at once: who started us waits for it."""
    print(json.dumps(line, separators=(",", ":")), flush=True)


class Telling(uvicorn.Server):
    def __init__(self, config, line):
        super().__init__(config)
        self.line = line

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        tell(self.line)


def serve(app, listener, line):
    """Serves `app` until the process is ended, and tells `line` when it answers."""
    # uvicorn's own log goes to stdout only for accesses, which nobody asked for.
    config = uvicorn.Config(app, access_log=False, log_level="warning", timeout_graceful_shutdown=0)
    Telling(config, line).run(sockets=[listener])
